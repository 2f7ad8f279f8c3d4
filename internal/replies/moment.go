package replies

import (
	"fmt"

	"github.com/typednats/typednats/internal/wire"
)

// Moment is when a call began: what was so then, to compare with it if the call fails.
type Moment struct {
	inbox string // where its reply goes, up to the last token
	epoch uint64 // of the connection
	came  uint64 // how many replies had come
	known error  // the connection's last error
}

// Explain adds to the error of a call to subject that ran out of time what the connection knows of it: that the server
// refused the request or the inbox, or that the connection was down. The server tells of refusals to the connection, not
// to the call, and the connection keeps the last one for good; what it kept before the call began does not count.
func (in *Inbox) Explain(err error, began Moment, subject string) error {
	last := in.nc.LastError()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.known = last
	in.wary = in.wary || wire.IsRefusal(last)
	epoch := in.epoch.Load()
	switch {
	case wire.RefusesSubscription(last, began.inbox+".*"): // never an old one: the subject was not used before
		if in.sub != nil && in.subject == began.inbox && !in.isGoneLocked() {
			in.refuseLocked(last)
		}
		return fmt.Errorf("%w: no reply can come: %w", err, last)
	case wire.RefusesPublish(last, subject) && last != began.known: //nolint:errorlint // the very one
		return fmt.Errorf("%w: %w", err, last)
	case epoch != began.epoch || isDown(epoch):
		return Disconnected(err)
	case in.came == began.came:
		in.doubtLocked()
	}
	return err
}
