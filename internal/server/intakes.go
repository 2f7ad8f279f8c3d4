package server

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// maxIntakes is how many intakes a service has at most: one for questions, the others for endpoints.
const maxIntakes = 32

// intakes are the channels that the subscriptions of a service deliver into. nats.go drops what does not fit into a channel,
// for whichever subscription it comes. So each endpoint has one of its own, and a flood of it loses nothing of its
// neighbours. With more endpoints than intakes, those share that have to.
type intakes struct {
	routes  *routes
	readers sync.WaitGroup // of all, and what else must have ended with them

	mu  sync.Mutex
	all []*intake // that for questions is the first; only added to
}

func newIntakes() *intakes {
	i := &intakes{routes: newRoutes()}
	i.all = []*intake{newIntake(i)}
	return i
}

// forQuestions returns the intake that no endpoint has.
func (i *intakes) forQuestions() *intake { return i.every()[0] }

// assign returns the intake for an endpoint: one that no other endpoint has, if possible.
func (i *intakes) assign() *intake {
	i.mu.Lock()
	defer i.mu.Unlock()
	var least *intake
	for _, in := range i.all[1:] {
		if least == nil || in.endpoints < least.endpoints {
			least = in
		}
	}
	if least == nil || least.endpoints > 0 && len(i.all) < maxIntakes {
		least = newIntake(i)
		i.all = append(i.all, least)
	}
	least.endpoints++
	return least
}

// release takes back what assign has returned.
func (i *intakes) release(in *intake) {
	i.mu.Lock()
	defer i.mu.Unlock()
	in.endpoints--
}

func (i *intakes) every() []*intake {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clip(i.all)
}

// awaitAdmitted waits until what was delivered before is admitted. It must not be called concurrently.
func (i *intakes) awaitAdmitted(ctx context.Context) error {
	var errs []error
	for _, in := range i.every() {
		errs = append(errs, in.awaitAdmitted(ctx))
	}
	return errors.Join(errs...)
}

// close ends the readers of all; see [intake.close].
func (i *intakes) close() {
	for _, in := range i.every() {
		in.close()
	}
}
