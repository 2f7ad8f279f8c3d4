package contract

import "slices"

// knownError is a declared error that both sides know.
type knownError struct {
	client, service Error
}

// knownErrors compares the declared errors of both sides by their tags, and returns those that the client knows. The
// service sends an error's tag, and never an alias; the client understands both.
func (m *meeting) knownErrors() []knownError {
	known := map[string]Error{}
	for _, e := range slices.Backward(m.client.Errors) {
		for _, alias := range e.Aliases {
			known[alias] = e
		}
	}
	for _, e := range slices.Backward(m.client.Errors) {
		known[e.Tag] = e
	}
	var both []knownError
	for _, e := range m.service.Errors {
		own, ok := known[e.Tag]
		if !ok {
			m.unknownError(e)
			continue
		}
		both = append(both, knownError{client: own, service: e})
		if own.Code != e.Code {
			m.add(Warning, RuleErrorCode, member("errors", e.Tag), m.service.who+" answers "+code(e.Code)+", "+
				m.client.who+" knows "+code(own.Code))
		}
	}
	return both
}

func code(n int) string {
	if n == 0 {
		return "a code that varies"
	}
	return "the code " + number(n)
}

// unknownError is about an error that the client does not know. It arrives as a ServiceError, which is harmless if it
// could not have arrived before, and not if programs wait for it under the tag that it had.
func (m *meeting) unknownError(e Error) {
	path := member("errors", e.Tag)
	for _, other := range m.client.Errors {
		if m.spend(1) && m.isRenamed(e, other) {
			m.add(Breaking, RuleErrorRenamed, path, m.client.who+" knows "+quote(other.Tag)+", which "+
				m.service.who+" now seems to send as "+quote(e.Tag))
			return
		}
	}
	m.add(Warning, RuleErrorUnknown, path, m.service.who+" may return "+quote(e.Tag)+", which reaches "+
		m.client.who+" as a ServiceError")
}

// isRenamed reports whether an error of the service is likely to be one of the client's under another tag: it says so
// with an alias; or the service has no more error of that tag, and this one says the same.
func (m *meeting) isRenamed(e, other Error) bool {
	if slices.Contains(e.Aliases, other.Tag) {
		return true
	}
	for _, served := range m.service.Errors {
		if served.Tag == other.Tag || !m.spend(1) {
			return false
		}
	}
	if e.Code != other.Code {
		return false
	}
	if e.Schema == nil || other.Schema == nil {
		return e.Schema == nil && other.Schema == nil && e.Code != 0
	}
	if e.Schema.Ref != "" && e.Schema.Ref == other.Schema.Ref {
		return true
	}
	if e.Code == 0 && (len(m.service.properties(e.Schema)) == 0 || len(m.client.properties(other.Schema)) == 0) {
		return false // all errors without members are alike
	}
	return m.comparison(m.service, m.client, false, false).alike(e.Schema, other.Schema) &&
		m.comparison(m.client, m.service, false, false).alike(other.Schema, e.Schema)
}

// properties returns the properties of an error's schema, which is a reference to an object as a rule.
func (p party) properties(s *Schema) map[string]*Schema {
	if name, ok := definition(s.Ref); ok && p.Defs[name] != nil {
		s = p.Defs[name]
	}
	return s.Properties
}
