package fleet

import (
	"context"
	"errors"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
)

// ErrNoContract is returned for an endpoint of which no instance announces a contract.
var ErrNoContract = errors.New("no contract is announced")

// maxTries is how many instances are asked for one contract, if those before do not hand it out.
const maxTries = 3

// Contract returns the contract of the endpoint. If its instances announce several, it is the one that most of them do.
func (e Endpoint) Contract(ctx context.Context, client *discovery.Client) (contract.Document, error) {
	for _, o := range e.Offers {
		if o.Digest != "" {
			return o.contract(ctx, client, e.Service)
		}
	}
	return contract.Document{}, ErrNoContract
}

func (o Offer) contract(ctx context.Context, client *discovery.Client, service string) (contract.Document, error) {
	err := ErrNoContract
	for i, id := range o.Instances {
		if i == maxTries || i > 0 && ctx.Err() != nil {
			break
		}
		var doc contract.Document
		if doc, err = client.Contract(ctx, service, id, o.Digest); err == nil {
			return doc, nil
		}
	}
	return contract.Document{}, err
}
