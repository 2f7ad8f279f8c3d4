package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// maxContracts is how many contracts a [Client] keeps.
const maxContracts = 1024

// contracts are those that were fetched. What a digest stands for never changes, so they are kept for good, up to a bound.
type contracts struct {
	mu    sync.Mutex
	known map[string][]byte // by digest
	order []string          // in which they came
}

func (c *contracts) get(digest string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[digest]
}

func (c *contracts) put(digest string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[digest] != nil {
		return
	}
	if c.known == nil {
		c.known = make(map[string][]byte)
	}
	if len(c.order) == maxContracts {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
	c.known[digest] = data
	c.order = append(c.order, digest)
}

// Contract returns the contract with a digest, which $SRV.INFO shows in the metadata of an endpoint under
// "typednats.contract". It asks the instance with that service name and id, unless it has got the contract before, from
// whichever instance: what comes is compared with the digest, so that nobody can send another one. It waits until ctx
// ends, and no longer than [WithMaxWait].
//
// It returns [ErrNotFound] if the instance does not answer such questions, and [ErrNoContract] if it does not have that
// contract or sends something else. The document belongs to the caller.
func (c *Client) Contract(ctx context.Context, service, id, digest string) (contract.Document, error) {
	doc, err := c.contract(ctx, service, id, digest)
	if err != nil {
		return contract.Document{}, fmt.Errorf("discovery: contract %.64q of %.64s.%.64s: %w", digest, service, id, err)
	}
	return doc, nil
}

func (c *Client) contract(ctx context.Context, service, id, digest string) (contract.Document, error) {
	if c.err != nil {
		return contract.Document{}, c.err
	}
	for _, part := range []struct {
		what, token string
		check       func(string) error
	}{
		{"service name", service, subject.CheckName}, {"service name", service, subject.CheckToken},
		{"instance id", id, subject.CheckToken}, {"digest", digest, subject.CheckToken},
	} {
		if err := part.check(part.token); err != nil {
			return contract.Document{}, fmt.Errorf("%w: %s %.64q: %w", ErrInvalidArgument, part.what, part.token, err)
		}
	}
	if data := c.contracts.get(digest); data != nil {
		return contract.Parse(data)
	}
	data, err := c.fetch(ctx, wire.ContractSubject(service, id, digest))
	if err != nil {
		return contract.Document{}, err
	}
	got, err := contract.DigestOf(data)
	if err != nil {
		return contract.Document{}, fmt.Errorf("%w: %w", ErrNoContract, err)
	}
	if got != digest {
		return contract.Document{}, fmt.Errorf("%w: what came has the digest %q", ErrNoContract, got)
	}
	doc, err := contract.Parse(data)
	if err != nil {
		return contract.Document{}, fmt.Errorf("%w: %w", ErrNoContract, err)
	}
	c.contracts.put(digest, data)
	return doc, nil
}

// fetch returns the body of the answer to a request on a subject.
func (c *Client) fetch(ctx context.Context, subject string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.maxWait)
	defer cancel()
	msg, err := c.nc.RequestWithContext(ctx, subject, nil)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if e, failed := wire.ParseErrorReply(msg.Header); failed {
		if e.IsNoContract() {
			return nil, ErrNoContract
		}
		return nil, errorReply(msg.Header)
	}
	return msg.Data, nil
}
