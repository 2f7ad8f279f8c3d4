// Package stock is the contract of the inventory service: its endpoints, what they take, what they answer, and how
// they fail. Servers and clients import it, and nothing else has to agree between them.
package stock

import (
	"strings"

	"github.com/typednats/typednats"
)

// OrderHeader names the order that a reservation is for. The service sends it back, on failure too.
const OrderHeader = "Inventory-Order"

// The versions of the API. Groups nest: the subjects begin with inventory.api.v1 and inventory.api.v2.
var (
	api = typednats.NewGroup("inventory.api")
	v1  = api.Group("v1")
	v2  = api.Group("v2")
)

// Check says how many pieces of an item can be had.
var Check = typednats.NewEndpoint[CheckRequest, CheckReply, Error]("check").
	InGroup(v1).
	WithDescription("How many pieces of an item can be had. The second version tells more.").
	WithExample(CheckRequest{SKU: "chair"}, CheckReply{SKU: "chair", Available: 12}).
	FailsWith(NotFound{}, InvalidRequest{})

// CheckV2 is [Check] with a reply that tells more. Both are served, so clients move when they like.
var CheckV2 = typednats.NewEndpoint[CheckRequest, CheckReplyV2, Error]("check").
	InGroup(v2).
	WithDescription("How many pieces of an item can be had, how many are reserved, and where they are.").
	WithExample(CheckRequest{SKU: "chair"}, CheckReplyV2{SKU: "chair", Available: 12, Site: "berlin"}).
	FailsWith(NotFound{}, InvalidRequest{})

// Reserve takes pieces of an item for an order; see [OrderHeader].
var Reserve = typednats.NewEndpoint[ReserveRequest, ReserveReply, Error]("reserve").
	InGroup(v2).
	WithDescription("Takes pieces of an item for an order, which the header Inventory-Order names.").
	WithExample(ReserveRequest{SKU: "chair", Quantity: 2}, ReserveReply{SKU: "chair", Available: 10}).
	FailsWith(NotFound{}, InvalidRequest{}, OutOfStock{})

// Warehouse sums up one warehouse, which the last token of the subject names. Clients call [WarehouseAt].
var Warehouse = typednats.NewEndpoint[struct{}, WarehouseReply, Error]("warehouse").
	InGroup(v2).
	InSubject("warehouse.*").
	WithDescription("Sums up one warehouse, which the last part of the subject names.").
	FailsWith(NotFound{})

// WarehouseAt is the [Warehouse] endpoint of one site. A site is one token of a subject; the call reports what is not.
func WarehouseAt(site string) typednats.Endpoint[struct{}, WarehouseReply, Error] {
	return Warehouse.At(warehousePrefix() + site)
}

// SiteOf returns the site in a subject of [Warehouse].
func SiteOf(subject string) string {
	return strings.TrimPrefix(subject, warehousePrefix())
}

// warehousePrefix is the subject up to the site, so that both directions follow the descriptor.
func warehousePrefix() string {
	return strings.TrimSuffix(Warehouse.Subject(), "*")
}

// CheckRequest names an item.
type CheckRequest struct {
	SKU string `json:"sku"`
}

// CheckReply is what the first version of the API says about an item.
type CheckReply struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
}

// CheckReplyV2 is what the second version of the API says about an item.
type CheckReplyV2 struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
	Reserved  int    `json:"reserved"`
	Site      string `json:"site"`
}

// ReserveRequest asks for pieces of an item.
type ReserveRequest struct {
	SKU      string `json:"sku" doc:"the item, such as chair"`
	Quantity int    `json:"quantity" doc:"how many pieces, at least 1"`
}

// ReserveReply says how many pieces can be had after the reservation.
type ReserveReply struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
}

// WarehouseReply sums up what a warehouse holds.
type WarehouseReply struct {
	Site   string `json:"site"`
	Items  int    `json:"items"`
	Pieces int    `json:"pieces"`
}
