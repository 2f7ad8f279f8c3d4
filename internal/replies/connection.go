package replies

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// errDrained ends a call that can be made again, by another way, when the subscription was drained with the connection.
var errDrained = fmt.Errorf("%w for replies: %w", nats.ErrDisconnected, nats.ErrConnectionDraining)

// ErrDown says that the connection was found to be lost when a request was to be sent. It was not.
var ErrDown = fmt.Errorf("%w a moment ago", nats.ErrDisconnected)

// Disconnected adds to the error of a call that the connection was down meanwhile.
func Disconnected(err error) error {
	return fmt.Errorf("%w: the connection was down meanwhile: %w", err, nats.ErrDisconnected)
}

// IsDown reports whether the connection is known to be down, or nothing is known of it.
func (in *Inbox) IsDown() bool { return isDown(in.epoch.Load()) }

// AwaitConnection waits until the connection is up, if it is known to be down. It returns nil as well when the inbox is
// closed, or the connection for good: that is for the next call to say.
func (in *Inbox) AwaitConnection(ctx context.Context) error {
	for isDown(in.epoch.Load()) {
		back := in.comesBack()
		if back == nil {
			return nil
		}
		select {
		case <-back:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// comesBack returns what is closed when the connection is up again, or nil if it is not down.
func (in *Inbox) comesBack() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.nc == nil || in.closed || in.lost {
		return nil
	}
	in.followLocked()
	return in.back
}

// isDown reports whether the connection is down in an epoch.
func isDown(epoch uint64) bool { return epoch%2 == 1 }

// followLocked starts to follow the connection, once.
func (in *Inbox) followLocked() {
	if in.following {
		return
	}
	in.following = true
	status := in.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.DRAINING_SUBS, nats.CLOSED)
	if in.nc.IsConnected() {
		in.isUpLocked()
	} else {
		in.isDownLocked()
	}
	go in.follow(status)
}

// follow is the goroutine that knows what becomes of the connection. It ends with the inbox, or when the connection is
// closed. It leaves the connection's handlers to the user. Only the news that the connection was lost is taken from the
// channel, since nats.go drops what does not fit; what is so now is asked of the connection.
func (in *Inbox) follow(status chan nats.Status) {
	defer in.nc.RemoveStatusListener(status)
	for !in.nc.IsClosed() { // it may have been closed before somebody listened
		select {
		case s := <-status:
			in.notice(s)
		case <-in.news:
			in.notice(in.nc.Status()) // which a call may have seen first
			in.prove()
		case <-in.ended:
			return
		}
	}
	in.loseConnection()
}

// notice enters what has become of the connection.
func (in *Inbox) notice(s nats.Status) {
	connected, draining := in.nc.IsConnected(), in.nc.IsDraining()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || in.lost {
		return
	}
	in.draining = in.draining || draining
	if s == nats.RECONNECTING || s == nats.DISCONNECTED {
		in.isDownLocked()
		in.waiting.endRepeatable(ending{err: nats.ErrDisconnected})
	}
	if connected && isDown(in.epoch.Load()) {
		in.isUpLocked()
		in.before, in.unproven = nil, true // nats.go has subscribed again, and has forgotten earlier errors
		in.wakeLocked()
	}
}

func (in *Inbox) isDownLocked() {
	if !isDown(in.epoch.Load()) {
		in.epoch.Add(1)
	}
	if in.back == nil {
		in.back = make(chan struct{})
	}
}

func (in *Inbox) isUpLocked() {
	if isDown(in.epoch.Load()) {
		in.epoch.Add(1)
	}
	if in.back != nil {
		close(in.back)
		in.back = nil
	}
}

// loseConnection ends all who wait: the connection is closed.
func (in *Inbox) loseConnection() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lost = true
	in.endLocked()
}

// wakeLocked has the goroutine look what there is to do.
func (in *Inbox) wakeLocked() {
	select {
	case in.news <- struct{}{}:
	default: // it will look anyway
	}
}
