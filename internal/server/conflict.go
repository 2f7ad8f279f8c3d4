package server

import (
	"errors"
	"fmt"

	"github.com/typednats/typednats/internal/subject"
)

// competition finds endpoints that would get each other's requests. Those of one queue group whose subjects overlap get
// the requests for both at random. Without a queue group each of them gets every request, runs it, and answers. Endpoints
// in different queue groups do not compete: their owner has asked for each request to be run once in each group.
type competition map[string]*subject.Tree[*Endpoint] // by queue group

// enter adds an endpoint, or returns the one that it competes with.
func (c competition) enter(e *Endpoint) (other *Endpoint) {
	group := c[e.QueueGroup]
	if group == nil {
		group = &subject.Tree[*Endpoint]{}
		c[e.QueueGroup] = group
	}
	if other, ok := group.Overlapping(e.Subject); ok {
		return other
	}
	group.Add(e.Subject, e)
	return nil
}

// competitor returns an endpoint that e competes with, nil if there is none.
func (c competition) competitor(e *Endpoint) *Endpoint {
	if group := c[e.QueueGroup]; group != nil {
		other, _ := group.Overlapping(e.Subject)
		return other
	}
	return nil
}

// Conflicts returns what is wrong with adding endpoints to those that are served: that they would compete for requests.
func Conflicts(served []*Served, added []Endpoint) error {
	var errs []error
	fresh := make(competition)
	for i := range added {
		if other := fresh.enter(&added[i]); other != nil {
			errs = append(errs, conflict(&added[i], other))
		}
	}
	for _, e := range served { // there can be many, of which each addition should cost little
		if other := fresh.competitor(&e.Endpoint); other != nil {
			errs = append(errs, conflict(other, &e.Endpoint))
		}
	}
	return errors.Join(errs...)
}

func conflict(added, other *Endpoint) error {
	group := fmt.Sprintf("queue group %q", added.QueueGroup)
	if added.QueueGroup == "" {
		group = "no queue group"
	}
	if added.Subject == other.Subject {
		return fmt.Errorf("%w %q: endpoint %q has the same subject %q and %s",
			ErrInvalidEndpoint, added.Name, other.Name, added.Subject, group)
	}
	return fmt.Errorf("%w %q: its subject %q overlaps %q of endpoint %q, with %s: they would get each other's requests",
		ErrInvalidEndpoint, added.Name, added.Subject, other.Subject, other.Name, group)
}
