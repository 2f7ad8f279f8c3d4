package codectest

import (
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// caseless equals another one that differs in case only.
type caseless struct{ S string }

func (c caseless) Equal(other caseless) bool { return len(c.S) == len(other.S) }

func TestEqual(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 5)
	one, uno, two := 1, 1, 2
	tests := []struct {
		name string
		a, b any
		want bool
	}{
		{"nothing", nil, nil, true},
		{"nothing and something", nil, 1, false},
		{"types", int32(1), int64(1), false},
		{"numbers", 1, 2, false},
		{"not a number", math.NaN(), math.NaN(), true},
		{"nil and empty slice", []int(nil), []int{}, true},
		{"slices", []int{1, 2}, []int{1, 3}, false},
		{"slices of different length", []int{1}, []int{1, 2}, false},
		{"nil and empty map", map[string]int(nil), map[string]int{}, true},
		{"maps", map[string]int{"a": 1}, map[string]int{"a": 2}, false},
		{"keys", map[string]int{"a": 1}, map[string]int{"b": 1}, false},
		{"pointers to equal values", &one, &uno, true},
		{"pointers to different values", &one, &two, false},
		{"nil pointer", (*int)(nil), &one, false},
		{"interfaces", []any{1, "a", nil}, []any{1, "a", nil}, true},
		{"types in interfaces", []any{1}, []any{int64(1)}, false},
		{"the same instant", now, now.UTC(), true},
		{"instants", []time.Time{now}, []time.Time{now.Add(1)}, false},
		{"method", caseless{"a"}, caseless{"A"}, true},
		{"unexported fields", netip.MustParseAddr("::1"), netip.MustParseAddr("::2"), false},
		{"equal unexported fields", netip.MustParseAddr("::1"), netip.MustParseAddr("::1"), true},
		{"functions, which cannot be compared", []func(){nil, func() {}}, []func(){nil, func() {}}, false},
		{"nil functions", []func(){nil}, []func(){nil}, true},
		{"structs", line{Item: "a"}, line{Item: "b"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := (comparer{}).compare("v", reflect.ValueOf(tt.a), reflect.ValueOf(tt.b)); (d == nil) != tt.want {
				t.Errorf("%v and %v differ: %v, want equal: %v", tt.a, tt.b, d, tt.want)
			}
		})
	}
}
