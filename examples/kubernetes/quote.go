package main

import (
	"context"

	"github.com/typednats/typednats"
)

// Quote says what an item costs in another currency.
var Quote = typednats.NewEndpoint[QuoteRequest, QuoteReply, typednats.Never]("quote").
	InGroup(typednats.NewGroup("pricing"))

// QuoteRequest names a currency and how many euros the item costs.
type QuoteRequest struct {
	Currency string  `json:"currency"`
	Euros    float64 `json:"euros"`
}

// QuoteReply is the price in the other currency.
type QuoteReply struct {
	Price float64 `json:"price"`
}

// Rate belongs to another service: what one euro is worth.
var Rate = typednats.NewEndpoint[string, float64, typednats.Never]("rate").InGroup(typednats.NewGroup("exchange"))

// quote asks another service, so that it can be in the middle of a request when the program has to end.
func quote(client *typednats.Client) func(context.Context, QuoteRequest) (QuoteReply, error) {
	return func(ctx context.Context, r QuoteRequest) (QuoteReply, error) {
		rate, err := typednats.RequestService(ctx, client, Rate, r.Currency)
		return QuoteReply{Price: r.Euros * rate}, err
	}
}
