package typednats

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/server"
)

const (
	// askingTime bounds how long a service looks for neighbours when it starts.
	askingTime = 2 * time.Second

	// maxNeighbours is how many services it looks at.
	maxNeighbours = 1000

	// maxWarnings is how many of their endpoints it warns of.
	maxWarnings = 10
)

// neighbours finds endpoints of other services that take requests that are meant for this one: NATS gives a request to
// one member of a queue group, whichever service that belongs to.
type neighbours struct {
	name string
	own  server.Competition
}

func newNeighbours(name string, endpoints []server.Endpoint) neighbours {
	n := neighbours{name: name, own: make(server.Competition)}
	for i := range endpoints {
		n.own.Enter(&endpoints[i]) // they do not compete with each other: that was checked
	}
	return n
}

// warn asks who is there (ADR-32), and warns of those that take requests of others. It returns when ctx ends at the latest.
func (n neighbours) warn(ctx context.Context, nc *nats.Conn, owner *reporter) {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	warned := make(map[[2]string]bool) // by service and endpoint: it has many instances
	for other, err := range discovery.New(nc, discovery.WithMaxResults(maxNeighbours)).InfoSeq(ctx, "") {
		if err != nil {
			return // the time is up, or the connection is lost
		}
		if other.Name == n.name {
			continue // another instance, or this one
		}
		for _, theirs := range other.Endpoints {
			key := [2]string{other.Name, theirs.Name}
			own := n.own.Competitor(theirs.QueueGroup, theirs.Subject)
			if own == nil || warned[key] || len(warned) == maxWarnings {
				continue
			}
			warned[key] = true
			owner.log(slog.LevelWarn, "another service takes requests of this one",
				"endpoint", own.Name, "subject", own.Subject, "queue_group", own.QueueGroup,
				"other_service", other.Name, "other_instance", other.ID, "other_endpoint", theirs.Name, "other_subject", theirs.Subject)
		}
	}
}
