package typednatsotel

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
)

// unlimited is a limit of a cache that is never reached.
const unlimited = math.MaxInt

// cache holds what is made once for each key. It is read without a lock, and by a key that is no interface, for which
// sync.Map would allocate. A write copies it: there are few.
type cache[K comparable, V any] struct {
	mu   sync.Mutex // of writes
	held atomic.Pointer[map[K]V]
}

func (c *cache[K, V]) find(key K) (V, bool) {
	var none V
	held := c.held.Load()
	if held == nil {
		return none, false
	}
	v, ok := (*held)[key]
	return v, ok
}

// add returns what is held of the key: v, unless somebody else was faster. It reports false if it would hold more than
// limit keys then.
func (c *cache[K, V]) add(key K, v V, limit int) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.find(key); ok {
		return first, true
	}
	next := map[K]V{key: v}
	if held := c.held.Load(); held != nil {
		if len(*held) >= limit {
			var none V
			return none, false
		}
		maps.Copy(next, *held)
	}
	c.held.Store(&next)
	return v, true
}
