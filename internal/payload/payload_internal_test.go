package payload

import (
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// TestIsBare has types whose encoding in one codec can be read in another.
func TestIsBare(t *testing.T) {
	t.Parallel()
	type parts struct{ N int }
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[int]():            true,
		reflect.TypeFor[*string]():        true,
		reflect.TypeFor[[]byte]():         true,
		reflect.TypeFor[[4]byte]():        true,
		reflect.TypeFor[any]():            true,
		reflect.TypeFor[time.Time]():      true,
		reflect.TypeFor[*big.Int]():       true,
		reflect.TypeFor[netip.Addr]():     true,
		reflect.TypeFor[parts]():          false,
		reflect.TypeFor[**parts]():        false,
		reflect.TypeFor[[]int]():          false,
		reflect.TypeFor[map[string]int](): false,
	} {
		if got := IsBare(typ); got != want {
			t.Errorf("IsBare(%v) = %v, want %v", typ, got, want)
		}
	}
}
