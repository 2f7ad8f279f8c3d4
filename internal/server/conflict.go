package server

import (
	"errors"
	"fmt"
)

// Conflicts returns what is wrong with adding endpoints to those that are served: two with the same subject and queue
// group would get each other's requests.
func Conflicts(served []*Served, added []Endpoint) error {
	type address struct{ subject, queueGroup string }
	taken := make(map[address]string)
	for _, e := range served {
		taken[address{e.Subject, e.QueueGroup}] = e.Name
	}
	var errs []error
	for _, e := range added {
		at := address{e.Subject, e.QueueGroup}
		if other, ok := taken[at]; ok {
			errs = append(errs, fmt.Errorf("%w %q: endpoint %q has the same subject %q and queue group %q",
				ErrInvalidEndpoint, e.Name, other, at.subject, at.queueGroup))
		}
		taken[at] = e.Name
	}
	return errors.Join(errs...)
}
