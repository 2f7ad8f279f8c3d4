package discovery

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Client asks the services that a connection reaches. It is safe for concurrent use and needs no closing: each query
// has a subscription of its own, under the connection's own inbox prefix, and releases it when it ends.
type Client struct {
	nc       *nats.Conn
	settings settings
	err      error // what is wrong with the settings

	contracts contracts
}

// New returns a client that asks through nc. The connection stays the caller's: the client neither closes it nor
// touches its handlers.
//
// What is wrong with the connection and the options is reported by every query, all of it; see [ErrInvalidArgument].
func New(nc *nats.Conn, opts ...Option) *Client {
	c := &Client{nc: nc, settings: defaultSettings()}
	for i, opt := range opts {
		if opt == nil {
			c.settings.nilOptions = append(c.settings.nilOptions, i+1)
			continue
		}
		opt(&c.settings)
	}
	c.err = c.settings.validate()
	if nc == nil {
		c.err = errors.Join(fmt.Errorf("%w: no connection: %w", ErrInvalidArgument, nats.ErrInvalidConnection), c.err)
	}
	return c
}

// Ping asks everybody who is there, with $SRV.PING. The result is empty if nobody answers. With an error come the
// answers that arrived before it.
func (c *Client) Ping(ctx context.Context) ([]micro.Ping, error) {
	return collect(ask(ctx, c, micro.PingVerb, parsePing))
}

// PingService is [Client.Ping] for the instances of the service with that name, with $SRV.PING.<name>.
func (c *Client) PingService(ctx context.Context, name string) ([]micro.Ping, error) {
	return collect(ask(ctx, c, micro.PingVerb, parsePing, name))
}

// PingInstance asks the one instance with that service name and id, with $SRV.PING.<name>.<id>. It returns its answer
// as soon as it comes, or [ErrNotFound].
func (c *Client) PingInstance(ctx context.Context, name, id string) (micro.Ping, error) {
	return first(ask(ctx, c, micro.PingVerb, parsePing, name, id))
}

// PingSeq is [Client.PingService], or [Client.Ping] if name is empty, with the answers one by one as they come.
//
// The question is sent when the range begins, and once more if the result is ranged over again. Answers have a nil
// error. An error comes last, with the zero value. The subscription is released however the range ends.
func (c *Client) PingSeq(ctx context.Context, name string) iter.Seq2[micro.Ping, error] {
	return ask(ctx, c, micro.PingVerb, parsePing, scope(name)...)
}

// Info asks everybody for their description and endpoints, with $SRV.INFO. The result is empty if nobody answers. With
// an error come the answers that arrived before it.
func (c *Client) Info(ctx context.Context) ([]micro.Info, error) {
	return collect(ask(ctx, c, micro.InfoVerb, parseInfo))
}

// InfoService is [Client.Info] for the instances of the service with that name, with $SRV.INFO.<name>.
func (c *Client) InfoService(ctx context.Context, name string) ([]micro.Info, error) {
	return collect(ask(ctx, c, micro.InfoVerb, parseInfo, name))
}

// InfoInstance asks the one instance with that service name and id, with $SRV.INFO.<name>.<id>. It returns its answer
// as soon as it comes, or [ErrNotFound].
func (c *Client) InfoInstance(ctx context.Context, name, id string) (micro.Info, error) {
	return first(ask(ctx, c, micro.InfoVerb, parseInfo, name, id))
}

// InfoSeq is [Client.InfoService], or [Client.Info] if name is empty, with the answers one by one as they come. It
// ranges as [Client.PingSeq] does.
func (c *Client) InfoSeq(ctx context.Context, name string) iter.Seq2[micro.Info, error] {
	return ask(ctx, c, micro.InfoVerb, parseInfo, scope(name)...)
}

// Stats asks everybody for the statistics of their endpoints, with $SRV.STATS. The result is empty if nobody answers.
// With an error come the answers that arrived before it. Processing times are rounded to whole nanoseconds.
func (c *Client) Stats(ctx context.Context) ([]micro.Stats, error) {
	return collect(ask(ctx, c, micro.StatsVerb, parseStats))
}

// StatsService is [Client.Stats] for the instances of the service with that name, with $SRV.STATS.<name>.
func (c *Client) StatsService(ctx context.Context, name string) ([]micro.Stats, error) {
	return collect(ask(ctx, c, micro.StatsVerb, parseStats, name))
}

// StatsInstance asks the one instance with that service name and id, with $SRV.STATS.<name>.<id>. It returns its answer
// as soon as it comes, or [ErrNotFound].
func (c *Client) StatsInstance(ctx context.Context, name, id string) (micro.Stats, error) {
	return first(ask(ctx, c, micro.StatsVerb, parseStats, name, id))
}

// StatsSeq is [Client.StatsService], or [Client.Stats] if name is empty, with the answers one by one as they come. It
// ranges as [Client.PingSeq] does.
func (c *Client) StatsSeq(ctx context.Context, name string) iter.Seq2[micro.Stats, error] {
	return ask(ctx, c, micro.StatsVerb, parseStats, scope(name)...)
}
