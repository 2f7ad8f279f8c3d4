package typednatsotel

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/typednats/typednats"
)

// carrier is an observation as a propagator sees it: headers to read on a service, and to add on a client. It is
// written in lower case, as W3C Trace Context has it, and read without case: clients of other languages may write
// Traceparent.
type carrier typednats.Observation

var (
	_ propagation.TextMapCarrier = (*carrier)(nil)
	_ propagation.ValuesGetter   = (*carrier)(nil)
)

// Get implements [propagation.TextMapCarrier].
func (c *carrier) Get(key string) string { return typednats.HeaderValue(c.Header, key) }

// Values implements [propagation.ValuesGetter]. If there are several spellings of a key, that of the propagator counts, and
// without it the values of all of them, in the order of the spellings.
func (c *carrier) Values(key string) []string {
	if values, ok := c.Header[key]; ok {
		return values
	}
	var spellings []string
	for spelling := range c.Header {
		if strings.EqualFold(spelling, key) {
			spellings = append(spellings, spelling)
		}
	}
	slices.Sort(spellings)
	var values []string
	for _, spelling := range spellings {
		values = append(values, c.Header[spelling]...)
	}
	return values
}

// Set implements [propagation.TextMapCarrier].
func (c *carrier) Set(key, value string) {
	(*typednats.Observation)(c).SetHeader(strings.ToLower(key), value)
}

// Keys implements [propagation.TextMapCarrier].
func (c *carrier) Keys() []string {
	keys := make([]string, 0, len(c.Header))
	for key := range c.Header {
		keys = append(keys, strings.ToLower(key))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
