// Package order is what all systems send: a small message and one of 2 KB, each there and back.
package order

import (
	"errors"
	"fmt"
	"time"
)

// BlockTime is how long a handler blocks that blocks.
const BlockTime = 2 * time.Millisecond

// Message is a request and, once the service has accepted it, its reply.
type Message[T any] interface {
	// Accept returns the reply.
	Accept() T

	// Accepted reports whether it is a reply.
	Accepted() bool
}

// Stock is the small message: about 60 bytes of JSON.
type Stock struct {
	Item  string  `json:"item"`
	Count int     `json:"count"`
	Price float64 `json:"price"`
	OK    bool    `json:"ok"`
}

// Accept implements [Message].
func (s Stock) Accept() Stock {
	s.OK = true
	return s
}

// Accepted implements [Message].
func (s Stock) Accepted() bool { return s.OK && s.Count > 0 }

// Order is the message of about 2 KB of JSON.
type Order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Lines    []Line `json:"lines"`
	OK       bool   `json:"ok"`
}

// Line is one line of an order.
type Line struct {
	SKU   string  `json:"sku"`
	Name  string  `json:"name"`
	Count int     `json:"count"`
	Price float64 `json:"price"`
	Site  string  `json:"site"`
}

// Accept implements [Message]. The reply shares the lines.
func (o Order) Accept() Order {
	o.OK = true
	return o
}

// Accepted implements [Message].
func (o Order) Accepted() bool { return o.OK && len(o.Lines) > 0 }

// Small returns the small request.
func Small() Stock {
	return Stock{Item: "hex-bolt-m8x40", Count: 12, Price: 3.25}
}

// Large returns the request of 2 KB.
func Large() Order {
	o := Order{ID: "2f5c1c9e-7f0a-4a53", Customer: "customer-10293"}
	for i := range 20 {
		o.Lines = append(o.Lines, Line{
			SKU:   fmt.Sprintf("SKU-%06d", 1017*i),
			Name:  fmt.Sprintf("hex bolt M%d x %d, stainless", 4+i%8, 10+5*i),
			Count: 3 + 7*i,
			Price: 0.25 + 1.75*float64(i),
			Site:  "berlin-2",
		})
	}
	return o
}

// Block is what a handler does that waits for something else, such as a database.
func Block() {
	time.Sleep(BlockTime) //nolint:forbidigo // a handler that sleeps is what is measured
}

// Check returns an error if a reply was not accepted.
func Check[T Message[T]](reply T) error {
	if !reply.Accepted() {
		return errors.New("the reply is not the one to the request")
	}
	return nil
}
