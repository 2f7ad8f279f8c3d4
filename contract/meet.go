package contract

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Msgpack is the content type under which properties have their names in msgpack.
const msgpackType = "application/msgpack"

// Meet returns what goes wrong when a client that was made with one document calls a service that was made with another
// one: its request as the service reads it, the reply and the declared errors as the client does, and what is around
// them. A program that compares itself with what is running asks this.
func Meet(client, service Document) []Finding {
	m := newMeeting(client, service, Finding{Endpoint: client.Name, Hurt: Clients})
	m.client.who, m.service.who = "the client", "the service"
	m.compare()
	if service.Deprecated != "" {
		m.add(Info, RuleDeprecated, "", "the endpoint is deprecated: "+quote(service.Deprecated))
	}
	return sortFindings(m.findings())
}

// party is one side of a meeting: a client or a service, with the document that it was made with.
type party struct {
	Document

	who string // such as "the new service"
}

func (p party) hasMsgpackNames() bool {
	return hasMsgpackNames(p.Defs, slices.Collect(maps.Values(p.roots()))...)
}

// meeting is a client that calls a service.
type meeting struct {
	*work

	client, service party
}

func newMeeting(client, service Document, about Finding) *meeting {
	return &meeting{work: newWork(about, ""), client: party{Document: client}, service: party{Document: service}}
}

func (m *meeting) compare() {
	m.compareEndpoints()
	m.compareContentTypes()
	m.compareUnknown()
	errors := m.knownErrors()
	msgpackNames := m.client.hasMsgpackNames() || m.service.hasMsgpackNames()
	type compared struct {
		client, service *Variant
		msgpack         bool
	}
	done := map[compared]bool{}
	for _, contentType := range m.common() {
		msgpack := msgpackNames && contentType == msgpackType
		this := compared{m.client.Variants[contentType], m.service.Variants[contentType], msgpack}
		if !done[this] && m.spend(1+len(m.client.Errors)+len(m.service.Errors)) {
			m.compareBodies(contentType, msgpack, errors)
		}
		done[this] = true
		// What the first content type has shown is not said again, and whatever else is found is about another one.
		m.note = "as " + quote(contentType) + ", "
	}
	m.note = ""
}

// common returns the content types that both sides know, the client's favourite first. If there are none, or none are
// named, it is the empty one, under which bodies look as they do by default.
func (m *meeting) common() []string {
	var common []string
	accepted := make(map[string]bool, len(m.service.ContentTypes))
	for _, contentType := range m.service.ContentTypes {
		accepted[contentType] = true
	}
	for _, contentType := range m.client.ContentTypes {
		if accepted[contentType] {
			common = append(common, contentType)
		}
	}
	if len(common) == 0 {
		return []string{""}
	}
	return common
}

// compareBodies compares requests, replies and errors under one content type.
func (m *meeting) compareBodies(contentType string, msgpack bool, errors []knownError) {
	client, service := m.client.bodies(contentType), m.service.bodies(contentType)
	m.compareBody("request", client.Request, service.Request, m.client, m.service, false, msgpack)
	m.compareBody("reply", service.Reply, client.Reply, m.service, m.client, true, msgpack)
	for _, e := range errors {
		m.compareBody(member("errors", e.service.Tag), service.Errors[e.service.Tag], client.Errors[e.client.Tag],
			m.service, m.client, true, msgpack)
	}
}

// compareBody compares one body. A reader that has none ignores what comes.
func (m *meeting) compareBody(path string, writer, reader *Schema, w, r party, ignoring, msgpack bool) {
	switch {
	case writer == nil && reader == nil, reader == nil && ignoring:
	case reader == nil:
		m.add(Warning, RuleIgnored, path, w.who+" sends a body, "+r.who+" ignores it")
	case writer == nil:
		m.add(Breaking, RuleBody, path, w.who+" sends an empty body, "+r.who+" reads one")
	default:
		m.path = path
		m.comparison(w, r, ignoring, msgpack).run(writer, reader)
	}
}

func (m *meeting) comparison(w, r party, ignoring, msgpack bool) *comparison {
	return &comparison{
		work: m.work, writer: side{defs: w.Defs, who: w.who}, reader: side{defs: r.Defs, who: r.who},
		ignoring: ignoring, msgpack: msgpack,
	}
}

// compareEndpoints compares what is around the bodies.
func (m *meeting) compareEndpoints() {
	if !covers(m.service.Subject, m.client.Subject) {
		m.add(Breaking, RuleSubject, "", m.client.who+" sends to "+quote(m.client.Subject)+", "+
			m.service.who+" serves "+quote(m.service.Subject))
	}
	if m.client.Idempotent && !m.service.Idempotent {
		m.add(Breaking, RuleIdempotent, "", m.client.who+" may send a request again, "+
			m.service.who+" does not say that it can run twice")
	}
}

// compareContentTypes compares what a client may send with what the service accepts.
func (m *meeting) compareContentTypes() {
	if len(m.client.ContentTypes) == 0 || len(m.service.ContentTypes) == 0 {
		return
	}
	accepted := make(map[string]bool, len(m.service.ContentTypes))
	for _, contentType := range m.service.ContentTypes {
		accepted[contentType] = true
	}
	for i, contentType := range m.client.ContentTypes {
		switch {
		case accepted[contentType]:
		case i == 0:
			m.add(Breaking, RuleContentType, "", m.client.who+" sends "+quote(contentType)+", "+
				m.service.who+" accepts "+quote(strings.Join(m.service.ContentTypes, ", ")))
		default:
			m.add(Warning, RuleContentType, "", m.client.who+" can be told to send "+quote(contentType)+", "+
				m.service.who+" does not accept it")
		}
	}
}

// compareUnknown tells of what the two documents say that is not compared.
func (m *meeting) compareUnknown() {
	if !slices.Equal(m.client.Parameters, m.service.Parameters) {
		m.add(Warning, RuleKeyword, "", `cannot tell: the documents differ in "parameters", which are not compared`)
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(m.client.Extra)), maps.Keys(m.service.Extra))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !strings.HasPrefix(name, "x-") && !bytes.Equal(m.client.Extra[name], m.service.Extra[name]) {
			m.add(Warning, RuleKeyword, "", "cannot tell: the documents differ in "+quote(name)+", which is not known")
		}
	}
}
