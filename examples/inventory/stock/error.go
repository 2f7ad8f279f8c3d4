package stock

import "fmt"

// Error is a failure that the inventory declares: [NotFound], [InvalidRequest] or [OutOfStock]. The method that is not
// exported closes the union, so a type switch over these three is complete.
type Error interface {
	error
	stockError()
}

// NotFound says that there is no such item, or no such warehouse.
type NotFound struct {
	What string `json:"what"`
	ID   string `json:"id"`
}

// Error implements error.
func (e NotFound) Error() string { return fmt.Sprintf("there is no %s %q", e.What, e.ID) }

// ErrorCode is the code that callers of any language see. It has HTTP's meaning.
func (NotFound) ErrorCode() int { return 404 }

func (NotFound) stockError() {}

// InvalidRequest says which field of a request cannot be used, and why.
type InvalidRequest struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error implements error.
func (e InvalidRequest) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// ErrorCode is the code that callers of any language see. It has HTTP's meaning.
func (InvalidRequest) ErrorCode() int { return 400 }

func (InvalidRequest) stockError() {}

// OutOfStock says that fewer pieces are available than were asked for.
type OutOfStock struct {
	SKU       string `json:"sku"`
	Asked     int    `json:"asked"`
	Available int    `json:"available"`
}

// Error implements error.
func (e OutOfStock) Error() string {
	return fmt.Sprintf("%d of %q were asked for, %d are available", e.Asked, e.SKU, e.Available)
}

// ErrorCode is the code that callers of any language see. It has HTTP's meaning.
func (OutOfStock) ErrorCode() int { return 409 }

func (OutOfStock) stockError() {}
