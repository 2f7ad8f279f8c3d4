package server

import (
	"slices"
)

// Find returns the endpoint whose unique name, or else whose subject, is given.
func (s *Server) Find(name string) (*Served, bool) {
	if a := find(s.current(), name); a != nil {
		return a.Served, true
	}
	return nil, false
}

// Endpoints returns the endpoints in the order in which they were added.
func (s *Server) Endpoints() []*Served {
	current := s.current()
	endpoints := make([]*Served, len(current))
	for i, a := range current {
		endpoints[i] = a.Served
	}
	return endpoints
}

func find(endpoints []*attached, name string) *attached {
	if a := theOnly(endpoints, func(a *attached) bool { return a.Name == name }); a != nil {
		return a
	}
	return theOnly(endpoints, func(a *attached) bool { return a.Subject == name })
}

// theOnly returns the endpoint that fits, nil if there is none or several.
func theOnly(endpoints []*attached, fits func(*attached) bool) *attached {
	i := slices.IndexFunc(endpoints, fits)
	if i < 0 || slices.ContainsFunc(endpoints[i+1:], fits) {
		return nil
	}
	return endpoints[i]
}
