package stock_test

import (
	"testing"

	"github.com/typednats/typednats/contract/contracttest"
	"github.com/typednats/typednats/examples/inventory/stock"
)

// TestContract fails when a change breaks somebody. The file is also what clients in other languages are made of.
func TestContract(t *testing.T) {
	t.Parallel()
	contracttest.Golden(t, "testdata/inventory.json", stock.Check, stock.CheckV2, stock.Reserve, stock.Warehouse)
}
