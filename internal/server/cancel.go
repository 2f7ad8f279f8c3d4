package server

import "github.com/nats-io/nats.go"

// canceller receives the messages of clients that have given up a call of an endpoint. Their body is the call's reply
// subject, which holds a random number: nobody can end a call that is not theirs.
type canceller struct{ endpoint *attached }

// admit implements [receiver]. It returns what waited, to be answered.
func (c canceller) admit(m *nats.Msg) *Request {
	if len(m.Data) > maxReply {
		return nil
	}
	reply := string(m.Data)
	waited, found := c.endpoint.cancelCall(reply)
	if !found { // a volunteer may hold the request back
		c.endpoint.volunteers.overtake(reply)
	}
	return waited
}

// proceed implements [receiver].
func (c canceller) proceed(r *Request) { c.endpoint.answerAllRefused(r) }

// turnAway implements [receiver].
func (c canceller) turnAway() bool { return false }

// drop implements [receiver].
func (c canceller) drop(r *Request) { c.endpoint.drop(r) }
