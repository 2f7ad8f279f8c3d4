package server

import "hash/maphash"

// callers finds the requests of a caller that gives up, by the reply subject of its call. The endpoint's lock guards it.
//
// A caller's giving up must cost nothing that grows with what waits or runs: when a gateway gives up 20,000 calls at
// once, each would be looked for under the lock that all else is admitted under. So it is a hash table. Its chains go
// through the requests themselves: a request that runs at once, most do, is spared the allocations of a map.
//
// A reply subject can be there more than once, if its caller is hostile. Each is found in as many steps as there are, and
// leaves the table then.
type callers struct {
	seed   maphash.Seed
	chains []*Request // the first of each; as many as a power of two
	n      int        // of the requests in it
}

// firstChains is how many chains there are when the first request comes.
const firstChains = 8

func newCallers() callers { return callers{seed: maphash.MakeSeed()} }

// add enters a request if its reply subject tells who called.
func (c *callers) add(r *Request) {
	if !r.cancellable {
		return
	}
	if c.n >= len(c.chains) {
		c.grow()
	}
	r.hash, r.known = maphash.String(c.seed, r.Msg.Reply), true
	c.link(r)
	c.n++
}

// remove takes a request out, if it is in.
func (c *callers) remove(r *Request) {
	if !r.known {
		return
	}
	if r.prevAlike == nil {
		*c.chain(r.hash) = r.nextAlike
	} else {
		r.prevAlike.nextAlike = r.nextAlike
	}
	if r.nextAlike != nil {
		r.nextAlike.prevAlike = r.prevAlike
	}
	r.prevAlike, r.nextAlike, r.known = nil, nil, false
	c.n--
}

// take takes a request with that reply subject out and returns it, nil if there is none.
func (c *callers) take(reply string) *Request {
	if c.n == 0 {
		return nil
	}
	hash := maphash.String(c.seed, reply)
	for r := *c.chain(hash); r != nil; r = r.nextAlike {
		if r.hash == hash && r.Msg.Reply == reply {
			c.remove(r)
			return r
		}
	}
	return nil
}

func (c *callers) chain(hash uint64) **Request { return &c.chains[hash&uint64(len(c.chains)-1)] }

func (c *callers) link(r *Request) {
	first := c.chain(r.hash)
	if r.nextAlike = *first; r.nextAlike != nil {
		r.nextAlike.prevAlike = r
	}
	*first = r
}

func (c *callers) grow() {
	before := c.chains
	c.chains = make([]*Request, max(firstChains, 2*len(before)))
	for _, r := range before {
		for r != nil {
			next := r.nextAlike
			r.prevAlike = nil
			c.link(r)
			r = next
		}
	}
}
