package main

import (
	"context"
	"errors"

	"github.com/typednats/typednats"
)

// StockRequest asks for an item.
type StockRequest struct {
	Item string `json:"item"`
}

// StockReply says how many there are.
type StockReply struct {
	Available int `json:"available"`
}

// NotFound is the declared error.
type NotFound struct {
	Item string `json:"item"`
}

func (e NotFound) Error() string { return e.Item + " is not in the catalog" }

// ErrorCode is the code that it crosses the wire with.
func (NotFound) ErrorCode() int { return 404 }

// Check listens on a subject for each warehouse.
var Check = typednats.NewEndpoint[StockRequest, StockReply, NotFound]("check").InSubject("stock.*.check")

func check(_ context.Context, r StockRequest) (StockReply, error) {
	switch r.Item {
	case "chair":
		return StockReply{Available: 12}, nil
	case "sofa":
		return StockReply{}, errors.New("the shelf has collapsed")
	default:
		return StockReply{}, NotFound(r)
	}
}
