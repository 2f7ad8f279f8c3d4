package replies

// maxWriting is how many calls write on goroutines of their own at a time; more wait, each on its caller's.
const maxWriting = 4096

// Write sends the request of a call that waits, on a goroutine that ends when the connection has taken it. If send fails the
// call ends with its error.
//
// nats.go writes under a lock, which a server that does not read makes everybody wait for, for as long as
// [nats.FlusherTimeout] says. A small message is copied into a buffer, and the caller goes on, but for two cases: another
// one waits in a large write, or the buffer is full of small ones. The first case is known, see [Inbox.Writes]; so nobody
// who can wait but the goroutines waits for the lock then. The second is not.
func (in *Inbox) Write(c *Call, send func() error) {
	number := c.number
	write := func() {
		defer in.writing.Add(-1)
		if err := send(); err != nil {
			in.fail(number, err)
		}
	}
	if in.writing.Add(1) > maxWriting {
		write()
		return
	}
	go write()
}

// Aside sends something that no call waits for, as [Inbox.Write] does.
func (in *Inbox) Aside(send func()) {
	if in.writing.Add(1) > maxWriting {
		in.writing.Add(-1) // it is not worth waiting for
		return
	}
	go func() {
		defer in.writing.Add(-1)
		send()
	}()
}

// Writes reports whether a goroutine of [Inbox.Write] is at work, so that a lock of the connection may not be had soon.
func (in *Inbox) Writes() bool { return in.writing.Load() > 0 }

// fail ends a call, if it still waits.
func (in *Inbox) fail(number uint64, err error) {
	in.mu.Lock()
	c := in.waiting.remove(number)
	in.mu.Unlock()
	if c != nil {
		c.end(ending{err: err})
	}
}
