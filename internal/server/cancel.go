package server

import "github.com/nats-io/nats.go"

// canceller receives the messages of clients that have given up a call of an endpoint. Their body is the call's reply
// subject, which holds a random number: nobody can end a call that is not theirs.
type canceller struct{ endpoint *Served }

// admit implements [receiver].
func (c canceller) admit(m *nats.Msg) *Request {
	if reply := string(m.Data); reply != "" { // "" would match the requests without a caller
		c.endpoint.cancelCall(reply)
	}
	return nil
}

// proceed implements [receiver]; admit has done it all.
func (c canceller) proceed(*Request) {}
