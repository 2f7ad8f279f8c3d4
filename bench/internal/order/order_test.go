package order_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/bench/internal/order"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		message     any
		least, most int
	}{
		{order.Small(), 55, 65},
		{order.Large(), 1900, 2200},
	} {
		body, err := json.Marshal(test.message)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) < test.least || len(body) > test.most {
			t.Errorf("%T has %d bytes, want %d to %d: %s", test.message, len(body), test.least, test.most, body)
		}
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	small, large := order.Small(), order.Large()
	got := []bool{
		order.Check(small) == nil, order.Check(small.Accept()) == nil, order.Check(order.Stock{OK: true}) == nil,
		order.Check(large) == nil, order.Check(large.Accept()) == nil, order.Check(order.Order{OK: true}) == nil,
	}
	if diff := cmp.Diff([]bool{false, true, false, false, true, false}, got); diff != "" {
		t.Errorf("taken for a reply (-want +got):\n%s", diff)
	}
}
