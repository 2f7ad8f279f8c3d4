package main

import (
	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

// The types of the first version, and those that came later. In a program they are one type that changes.
type (
	request struct {
		Item string `json:"item"`
	}
	requestWithNote struct {
		Item string `json:"item"`
		Note string `json:"note,omitempty"`
	}
	requestWithCount struct {
		Item  string `json:"item"`
		Count int    `json:"count"`
	}
	reply struct {
		ID string `json:"id"`
	}
	replyWithPrice struct {
		ID    string  `json:"id"`
		Price float64 `json:"price"`
	}
)

// stockError is what goes wrong.
type stockError interface {
	error
	stockError()
}

type soldOut struct {
	Item string `json:"item"`
}

func (soldOut) Error() string { return "sold out" }
func (soldOut) stockError()   {}

type onHold struct {
	Until string `json:"until"`
}

func (onHold) Error() string { return "on hold" }
func (onHold) stockError()   {}

// The endpoint, release by release.
var (
	first   = typednats.NewEndpoint[request, reply, stockError]("reserve").FailsWith(soldOut{})
	count   = typednats.NewEndpoint[requestWithCount, reply, stockError]("reserve").FailsWith(soldOut{})
	note    = typednats.NewEndpoint[requestWithNote, replyWithPrice, stockError]("reserve").FailsWith(soldOut{})
	hold    = note.FailsWith(onHold{})
	swapped = hold.WithCodec(msgpack.Codec)
	both    = hold.WithCodec(json.Codec, msgpack.Codec)

	// The same descriptor under its new subject, and under the old one. One handler serves both.
	renamed = both.InSubject("stock.reserve")
	alias   = both
	old     = alias.Deprecated("send to stock.reserve")
)
