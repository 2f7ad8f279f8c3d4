package server

import (
	"errors"
	"fmt"

	"github.com/typednats/typednats/internal/subject"
)

// Competition finds endpoints that would get each other's requests. Those of one queue group whose subjects overlap get
// the requests for both at random. Without a queue group each of them gets every request, runs it, and answers. Endpoints
// in different queue groups do not compete: their owner has asked for each request to be run once in each group.
type Competition map[string]*subject.Tree[*Endpoint] // by queue group

// Enter adds an endpoint, or returns the one that it competes with.
func (c Competition) Enter(e *Endpoint) (other *Endpoint) {
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

// Competitor returns an endpoint that one of that queue group and subject competes with, nil if there is none.
func (c Competition) Competitor(queueGroup, pattern string) *Endpoint {
	if group := c[queueGroup]; group != nil {
		other, _ := group.Overlapping(pattern)
		return other
	}
	return nil
}

// Conflicts returns what is wrong with adding endpoints to those that are served: that they would compete for requests.
func Conflicts(served []*Served, added []Endpoint) error {
	var errs []error
	fresh := make(Competition)
	for i := range added {
		if other := fresh.Enter(&added[i]); other != nil {
			errs = append(errs, conflict(&added[i], other))
		}
	}
	for _, e := range served { // there can be many, of which each addition should cost little
		if other := fresh.Competitor(e.QueueGroup, e.Subject); other != nil {
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
