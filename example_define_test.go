package typednats_test

import (
	"fmt"
	"time"

	"github.com/typednats/typednats"
)

// ReserveRequest asks for some pieces of an item.
type ReserveRequest struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
}

// Reservation is the reply.
type Reservation struct {
	ID string `json:"id"`
}

// ReserveError is what Reserve fails with. Its unexported method closes it: no other package can add a member.
type ReserveError interface {
	error
	reserveError()
}

// UnknownItemError says that nobody has heard of the item.
type UnknownItemError struct {
	Item string `json:"item"`
}

func (e UnknownItemError) Error() string { return fmt.Sprintf("unknown item %q", e.Item) }
func (UnknownItemError) ErrorCode() int  { return 404 }
func (UnknownItemError) reserveError()   {}

// OutOfStockError says how many pieces are left.
type OutOfStockError struct {
	Item string `json:"item"`
	Left int    `json:"left"`
}

func (e OutOfStockError) Error() string { return fmt.Sprintf("%d pieces of %q left", e.Left, e.Item) }
func (OutOfStockError) ErrorCode() int  { return 409 }
func (OutOfStockError) reserveError()   {}

// Warehouse prefixes the subjects of its endpoints.
var Warehouse = typednats.NewGroup("warehouse")

// Reserve sets pieces of an item aside.
var Reserve = typednats.NewEndpoint[ReserveRequest, Reservation, ReserveError]("reserve").
	InGroup(Warehouse).
	FailsWith(UnknownItemError{}, OutOfStockError{}).
	WithMetadata("owner", "team-warehouse")

// Reading is one measurement of a sensor.
type Reading struct {
	Celsius float64   `json:"celsius"`
	At      time.Time `json:"at"`
}

// Report takes readings at one subject for each sensor, and has nothing to say in reply.
var Report = typednats.NewEndpoint[Reading, struct{}, typednats.Never]("report").
	InGroup(Warehouse).
	InSubject("sensors.*.reading")

func ExampleNewEndpoint() {
	fmt.Println(Reserve.Name(), "at", Reserve.Subject())
	fmt.Println("mistakes:", Reserve.Validate())
	// Output:
	// reserve at warehouse.reserve
	// mistakes: <nil>
}

func ExampleEndpoint_At() {
	cellar := Report.At("warehouse.sensors.cellar.reading")

	fmt.Println("servers listen on", Report.Subject())
	fmt.Println("this client sends to", cellar.Subject())
	// Output:
	// servers listen on warehouse.sensors.*.reading
	// this client sends to warehouse.sensors.cellar.reading
}

func ExampleEndpoint_Validate() {
	bad := typednats.NewEndpoint[ReserveRequest, Reservation, ReserveError]("re serve").
		WithQueueGroup("")

	fmt.Println(bad.Validate())
	// Output:
	// typednats: invalid endpoint "re serve": name "re serve": want one or more letters, digits, dashes or underscores
	// typednats: invalid endpoint "re serve": queue group "": it is empty; WithoutQueueGroup switches queue groups off
	// typednats: invalid endpoint "re serve": error type "typednats_test.ReserveError": no member is declared; list them with FailsWith, or use Never
}

func ExampleEndpoint_WithQueueGroup() {
	// Each method returns a changed copy: Reserve stays as it is, and variants share what they have in common.
	audited := Reserve.WithQueueGroup("audit")
	everywhere := Reserve.WithoutQueueGroup()
	v2 := Reserve.InGroup(Warehouse.Group("v2"))

	fmt.Println(audited.Subject())
	fmt.Println(everywhere.Subject())
	fmt.Println(v2.Subject())
	// Output:
	// warehouse.reserve
	// warehouse.reserve
	// warehouse.v2.reserve
}
