// Package buffer holds the bodies of messages until they are published. They are used again, because nats.go copies
// what it publishes.
package buffer

import "sync"

// maxPooled is the size above which a buffer is left to the garbage collector, in bytes, so that one large message does
// not stay in memory.
const maxPooled = 64 << 10

// Buffer is a body, or room for one.
type Buffer struct {
	Data []byte
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }} //nolint:gochecknoglobals // nobody can tell what is in it

// Get returns a buffer. What it holds is of no meaning; its capacity is.
func Get() *Buffer {
	b, _ := buffers.Get().(*Buffer)
	return b
}

// Recycle gives the buffer back; its data must not be used any more. A nil buffer has nothing to give.
func (b *Buffer) Recycle() {
	if b != nil && cap(b.Data) <= maxPooled {
		buffers.Put(b)
	}
}
