package subject

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The tree finds an overlap exactly if a look at each pattern does.
func TestTreeAgreesWithOverlap(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	pattern := func() string {
		tokens := make([]string, 1+random.IntN(4))
		for i := range tokens {
			tokens[i] = []string{"a", "b", "c", "*"}[random.IntN(4)]
		}
		if random.IntN(6) == 0 {
			tokens[len(tokens)-1] = ">"
		}
		return strings.Join(tokens, ".")
	}
	for range 20_000 {
		var tree Tree[string]
		var all []string
		for range random.IntN(4) {
			all = append(all, pattern())
			tree.Add(all[len(all)-1], all[len(all)-1])
		}
		asked, want := pattern(), false
		for _, p := range all {
			want = want || Overlap(p, asked)
		}
		got, ok := tree.Overlapping(asked)
		if ok != want || ok && !Overlap(got, asked) {
			t.Fatalf("%q among %q = %q, %v, want %v", asked, all, got, ok, want)
		}
	}
}

func TestTreeIsNotSlowWithManyPatterns(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var tree Tree[int]
	for i := range 100_000 {
		pattern := "tenants.*.service" + strconv.Itoa(i) + ".>"
		if other, ok := tree.Overlapping(pattern); ok {
			t.Fatalf("%q overlaps number %d", pattern, other)
		}
		tree.Add(pattern, i)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("100000 patterns took %v", took)
	}
}
