package replies

import (
	"fmt"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

// Moment is when a call began: what was so then, to compare with it if the call fails.
type Moment struct {
	inbox string // where its reply goes, up to the last token
	epoch uint64 // of the connection
	came  uint64 // how many replies had come
	known error  // the connection's last error

	until time.Duration // when it is given up, on the clock of the limits; 0 if it is not
}

// Left is how much is left of the time that a call waits, at least something; 0 if it waits without end.
func (in *Inbox) Left(began Moment) time.Duration {
	if began.until == 0 {
		return 0
	}
	return max(began.until-time.Since(in.waiting.start), 1)
}

// Explain adds to the error of a call to subject that ran out of time what the connection knows of it: that the server
// refused the request or the inbox, or that the connection was down. The server tells of refusals to the connection, not
// to the call, and the connection keeps the last one for good; what it kept before the call began does not count.
func (in *Inbox) Explain(err error, began Moment, subject string) error {
	if in.Writes() {
		return err // to ask the connection could take longer than the call
	}
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
