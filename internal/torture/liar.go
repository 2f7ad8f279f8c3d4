package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// largeLie is how many lies there are for one that is as large as a message may be.
const largeLie = 100

// liar answers the questions of discovery, all of them, with what must not count: that nobody is there, garbage, another
// question's answer, and one of a service that nobody asked. It does not take the name of an instance: who does that, and
// is faster, is believed.
type liar struct {
	nc    *nats.Conn
	lies  atomic.Int64
	large string
}

func newLiar(c *cluster) (*liar, error) {
	nc, err := c.connect(0, callerUser)
	if err != nil {
		return nil, err
	}
	l := &liar{nc: nc, large: strings.Repeat("x", maxPayload)}
	if _, err := nc.Subscribe(micro.APIPrefix+".>", l.answer); err != nil {
		nc.Close()
		return nil, err
	}
	return l, nil
}

// answer sends one lie to each question.
func (l *liar) answer(question *nats.Msg) {
	n := l.lies.Add(1)
	lies := []nats.Msg{
		{Header: nats.Header{"Status": {"503"}}},
		{Data: []byte("{")},
		{Data: fmt.Appendf(nil, `{"name":"liar","id":"%d","type":"io.nats.micro.v1.lie_response"}`, n)},
		{Data: fmt.Appendf(nil, `{"name":"liar","id":"%d","type":%q,"endpoints":[null,{"name":7}]}`, n, micro.StatsResponseType)},
	}
	lie := lies[n%int64(len(lies))]
	if n%largeLie == 0 {
		lie = nats.Msg{Data: []byte(l.large)}
	}
	_ = question.RespondMsg(&lie) // it fails while the connection is down
}

// work ends with ctx.
func (l *liar) work(ctx context.Context) {
	<-ctx.Done()
	l.nc.Close()
}
