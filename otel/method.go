package typednatsotel

import (
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/typednats/typednats"
)

// How many series there can be. A program has fewer: the bounds are for those that describe endpoints by what
// strangers say, and for services that answer with another code each time. What exceeds them counts as _OTHER.
const (
	maxMethods = 1000 // of an observer
	maxEndings = 100  // of a method, with a code
)

// side and pattern identify a method. The pattern is empty for all calls of which only a subject is known.
type methodID struct {
	side    typednats.Side
	pattern string
}

// method is an endpoint as one side sees it, with what is recorded of all of its requests, made once.
type method struct {
	name    string                  // of spans
	known   bool                    // its pattern is its name
	start   []trace.SpanStartOption // of spans
	common  []attribute.KeyValue
	endings cache[ending, *recorded]
	others  [2]*recorded // not failed, and failed, for what exceeds maxEndings
}

// recorded is what is recorded of all requests of a method that ended in the same way.
type recorded struct {
	attributes []attribute.KeyValue  // of spans, beside those that they started with
	measured   []metric.RecordOption // all attributes of metrics
	failed     bool
}

func newMethod(id methodID) *method {
	m := &method{name: id.pattern, known: id.pattern != ""}
	name := id.pattern
	if !m.known {
		m.name, name = system, other
	}
	kind := trace.SpanKindServer
	if id.side == typednats.ClientSide {
		kind = trace.SpanKindClient
	}
	m.common = []attribute.KeyValue{systemKey.String(system), methodKey.String(name)}
	m.start = []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(m.common...)}
	m.others = [2]*recorded{m.record(ending{code: otherCode}), m.record(ending{code: otherCode, failed: true})}
	return m
}

// ended returns what is recorded of an ending.
func (m *method) ended(e ending) *recorded {
	if r, ok := m.endings.find(e); ok {
		return r
	}
	limit := unlimited // there are few without a code
	if e.code != 0 {
		limit = maxEndings
	}
	if r, ok := m.endings.add(e, m.record(e), limit); ok {
		return r
	}
	if e.failed {
		return m.others[1]
	}
	return m.others[0]
}

// record makes what is recorded of an ending.
func (m *method) record(e ending) *recorded {
	var attributes []attribute.KeyValue
	status := ""
	switch {
	case e.ok:
		status = statusOK
	case e.code == otherCode:
		status = other
	case e.code != 0:
		status = strconv.Itoa(e.code)
	}
	if status != "" {
		attributes = append(attributes, statusCodeKey.String(status))
	}
	if e.failed {
		reason := e.reason
		if reason == "" {
			reason = status
		}
		attributes = append(attributes, errorTypeKey.String(reason))
	}
	if e.tag != "" {
		attributes = append(attributes, errorTagKey.String(e.tag))
	}
	all := make([]attribute.KeyValue, 0, len(m.common)+len(attributes))
	all = append(append(all, m.common...), attributes...)
	return &recorded{
		attributes: attributes,
		measured:   []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(all...))},
		failed:     e.failed,
	}
}
