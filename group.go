package typednats

import (
	"errors"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/subject"
)

// Group is a prefix that endpoints share, with an optional queue group for all of them. It is a value: every method
// returns a changed copy. The zero value is a group without a name, which [Endpoint.Validate] reports.
type Group struct {
	prefix string
	queue  queuePolicy
}

// NewGroup returns a group with the given prefix, which may hold several tokens ("api.v2") but no wildcards. A bad
// name is reported by the [Endpoint.Validate] of the endpoints in the group.
func NewGroup(name string) Group {
	return Group{prefix: name}
}

// Group returns a group inside g: "api" then "v2" gives the prefix api.v2. It inherits g's queue group.
func (g Group) Group(name string) Group {
	g.prefix += "." + name
	return g
}

// WithQueueGroup sets the queue group of the endpoints in g, overriding the service's. The last call counts.
func (g Group) WithQueueGroup(name string) Group {
	g.queue = queuePolicy{kind: queueNamed, name: name}
	return g
}

// WithoutQueueGroup makes every instance receive every request of the endpoints in g. The last call counts.
func (g Group) WithoutQueueGroup() Group {
	g.queue = queuePolicy{kind: queueDisabled}
	return g
}

func (g Group) check() error {
	return subject.CheckConcrete(g.prefix)
}

// queueKind says who decides about an endpoint's queue group.
type queueKind uint8

const (
	queueInherited queueKind = iota
	queueNamed
	queueDisabled
)

// queuePolicy is one level's say about queue groups: service, group or endpoint.
type queuePolicy struct {
	kind queueKind
	name string
}

// or returns p unless p leaves the decision to outer.
func (p queuePolicy) or(outer queuePolicy) queuePolicy {
	if p.kind == queueInherited {
		return outer
	}
	return p
}

func (p queuePolicy) check() error {
	if p.kind != queueNamed {
		return nil
	}
	if p.name == "" {
		return errors.New("it is empty; WithoutQueueGroup switches queue groups off")
	}
	return subject.CheckQueueGroup(p.name)
}

// queueGroup returns the queue group that p asks for, "" for none. Where nobody decides it is the default of ADR-32.
func (p queuePolicy) queueGroup() string {
	switch p.kind {
	case queueDisabled:
		return ""
	case queueNamed:
		return p.name
	default:
		return micro.DefaultQueueGroup
	}
}
