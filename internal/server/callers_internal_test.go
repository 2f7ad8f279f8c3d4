package server

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// A table under random changes finds what a map finds.
func TestCallersAreFound(t *testing.T) {
	t.Parallel()
	const names = 300 // so few that many reply subjects are there more than once
	c, in := newCallers(), make(map[string][]*Request)
	for range 100_000 {
		reply := strconv.Itoa(rand.IntN(names)) //nolint:gosec // any
		switch rand.IntN(5) {                   //nolint:gosec // any
		case 0, 1:
			r := &Request{Msg: &nats.Msg{Reply: reply}, cancellable: true}
			c.add(r)
			in[reply] = append(in[reply], r)
		case 2, 3:
			if all := in[reply]; len(all) > 0 {
				i := rand.IntN(len(all)) //nolint:gosec // any
				c.remove(all[i])
				c.remove(all[i]) // does nothing
				in[reply] = append(all[:i:i], all[i+1:]...)
			}
		default:
			want, got := len(in[reply]), 0
			for r := c.take(reply); r != nil; r = c.take(reply) {
				got++
			}
			if want != got {
				t.Fatalf("%d requests with the reply subject %s, want %d", got, reply, want)
			}
			delete(in, reply)
		}
	}
	left := 0
	for _, all := range in {
		left += len(all)
	}
	if diff := cmp.Diff(left, c.n); diff != "" {
		t.Errorf("requests in the table (-want +got):\n%s", diff)
	}
}

func TestCallersWithoutATokenAreNotFound(t *testing.T) {
	t.Parallel()
	c := newCallers()
	r := &Request{Msg: &nats.Msg{Reply: "inbox"}}
	c.add(r)
	if c.take("inbox") != nil {
		t.Error("a request is found whose reply subject does not tell who called")
	}
	c.remove(r) // does nothing
}

func TestListKeepsItsOrder(t *testing.T) {
	t.Parallel()
	var l list
	var all []*Request
	for range 6 {
		r := new(Request)
		l.add(r)
		all = append(all, r)
	}
	for _, i := range []int{3, 0, 5} {
		l.remove(all[i])
	}
	l.add(all[0])
	var got, back []int
	at := make(map[*Request]int)
	for i, r := range all {
		at[r] = i
	}
	for r := l.first; r != nil; r = r.next {
		got = append(got, at[r])
	}
	for r := l.last; r != nil; r = r.prev {
		back = append([]int{at[r]}, back...)
	}
	if diff := cmp.Diff([]int{1, 2, 4, 0}, got); diff != "" {
		t.Errorf("forward (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, back); diff != "" {
		t.Errorf("backward (-want +got):\n%s", diff)
	}
}
