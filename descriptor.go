package typednats

import (
	"fmt"
	"sync"
)

// descriptor is what an [Endpoint] holds, without its type parameters. It is never changed once built; what follows from
// it is worked out when it is first needed, and kept.
type descriptor struct {
	spec

	once     sync.Once
	compiled *compiled
	err      error

	published published
}

// specification returns the spec of a descriptor, which is empty for an Endpoint that NewEndpoint did not make.
func (d *descriptor) specification() *spec {
	if d == nil {
		return &spec{}
	}
	return &d.spec
}

// with returns a changed copy. The change must replace the slices and maps of the spec, never write into them.
func (d *descriptor) with(change func(*spec)) *descriptor {
	next := &descriptor{spec: *d.specification()}
	change(&next.spec)
	return next
}

// compile returns the descriptor in the form that servers and clients work with, or everything that is wrong with it.
func (d *descriptor) compile() (*compiled, error) {
	if d == nil || d.errType == nil {
		return nil, fmt.Errorf("%w: it was not made by NewEndpoint", invalidEndpoint(d.specification().name))
	}
	d.once.Do(func() { d.compiled, d.err = compile(&d.spec) })
	return d.compiled, d.err
}
