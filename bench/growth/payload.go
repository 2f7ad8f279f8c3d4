package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
)

// payloadCallers is few enough that the largest messages of all of them fit into what a server holds for a connection.
const payloadCallers = 16

// document is a message of any size.
type document struct {
	Text string `json:"text"`
}

// documentOf returns the document that the codec turns into so many bytes.
func documentOf(c typednats.Codec, size int) (document, error) {
	for length := size; length >= 0; {
		d := document{strings.Repeat("x", length)}
		body, err := c.Marshal(d)
		if err != nil {
			return document{}, err
		}
		if len(body) <= size {
			return d, nil
		}
		length -= max(1, (len(body)-size)/2) // what surrounds the text shrinks with it
	}
	return document{}, fmt.Errorf("no document has %d bytes", size)
}

// payloadBed is the endpoints that echo what they get.
type payloadBed struct {
	*bed
	json, msgpack typednats.Endpoint[document, document, typednats.Never]
	bytes         typednats.Endpoint[[]byte, []byte, typednats.Never]
}

func newPayloadBed(ctx context.Context) (*payloadBed, error) {
	b, err := newBed(ctx, rig.ServerOptions{})
	if err != nil {
		return nil, err
	}
	p := &payloadBed{
		bed:     b,
		json:    typednats.NewEndpoint[document, document, typednats.Never]("json"),
		msgpack: typednats.NewEndpoint[document, document, typednats.Never]("msgpack").WithCodec(msgpack.Codec),
		bytes:   typednats.NewEndpoint[[]byte, []byte, typednats.Never]("bytes").WithCodec(raw.Codec),
	}
	_, err = b.serve(typednats.ServiceConfig{}, p.json.Handle(echo), p.msgpack.Handle(echo), p.bytes.Handle(echo))
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return p, nil
}

// place is calls with bodies of so many bytes.
func (p *payloadBed) place(size int) (place, error) {
	body := make([]byte, size)
	nats, err := p.raw(fmt.Sprintf("raw-%d", size), body)
	if err != nil {
		return place{}, err
	}
	text, err := documentOf(json.Codec, size)
	if err != nil {
		return place{}, err
	}
	packed, err := documentOf(msgpack.Codec, size)
	if err != nil {
		return place{}, err
	}
	return place{payloadCallers, []contender{
		nats,
		typed("typednats JSON", p.client, p.json, text),
		typed("typednats msgpack", p.client, p.msgpack, packed),
		typed("typednats bytes", p.client, p.bytes, body),
	}, false}, nil
}

// sweepPayload has larger and larger messages.
func sweepPayload(ctx context.Context, s settings) (r *report, err error) {
	b, err := newPayloadBed(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	sizes := s.points(64, 256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20)
	var places []place
	for _, size := range sizes {
		p, err := b.place(size)
		if err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	results, err := s.measure(ctx, places...)
	if err != nil {
		return nil, err
	}
	r = payloadReport(sizes, places[0].contenders, results)
	return r, b.oversize(ctx, r)
}

func payloadReport(sizes []int, contenders []contender, results [][]result) *report {
	rates := rig.NewTable("body", "raw, calls/s", "JSON, calls/s", "× raw", "msgpack, calls/s", "× raw",
		"bytes, calls/s", "× raw")
	volumes := rig.NewTable("body", "raw, MB/s", "JSON, MB/s", "msgpack, MB/s", "bytes, MB/s")
	xs := floats(sizes)
	perCall, volume := make([][]float64, len(contenders)), make([][]float64, len(contenders))
	for i, size := range sizes {
		ratesRow, volumesRow := []string{plot.Bytes(xs[i])}, []string{plot.Bytes(xs[i])}
		for j, got := range results[i] {
			perCall[j] = append(perCall[j], got.perCall())
			volume[j] = append(volume[j], got.throughput()*float64(size)/1e6)
			ratesRow = append(ratesRow, count(got.throughput()))
			if j > 0 {
				ratesRow = append(ratesRow, ratio(got.against(results[i][0])))
			}
			volumesRow = append(volumesRow, digits(volume[j][i]))
		}
		rates.Add(ratesRow...)
		volumes.Add(volumesRow...)
	}
	r := new(report)
	r.sayf("Calls with %d callers whose requests and replies have the same size. MB/s are those of the requests; as many "+
		"come back.", payloadCallers)
	r.add(rates)
	r.add(volumes)
	for j, c := range contenders[1:] {
		r.laws = append(r.laws, law{"The time of a call with " + c.name, "bytes", xs, perCall[j+1], linear})
	}
	x := plot.Axis{Label: "bytes of the body", Log: true, Format: plot.Bytes}
	perSecond := plot.Chart{Title: "Throughput", X: x, Y: plot.Axis{Label: "calls per second", Log: true}}
	megabytes := plot.Chart{Title: "Volume of the requests", X: x, Y: plot.Axis{Label: "MB per second", Log: true}}
	for j, c := range contenders {
		name := strings.TrimPrefix(c.name, "typednats ")
		var rate []float64
		for i := range sizes {
			rate = append(rate, results[i][j].throughput())
		}
		perSecond.Lines = append(perSecond.Lines, plot.NewLine(name, xs, rate))
		megabytes.Lines = append(megabytes.Lines, plot.NewLine(name, xs, volume[j]))
	}
	r.figure = plot.Figure{Charts: []plot.Chart{perSecond, megabytes}}
	return r
}

// oversize shows what becomes of the first message that does not fit.
func (p *payloadBed) oversize(ctx context.Context, r *report) error {
	limit := int(p.callers.MaxPayload())
	fits, err := p.place(limit)
	if err != nil {
		return err
	}
	for _, c := range fits.contenders {
		if err := c.call(ctx); err != nil {
			return fmt.Errorf("%s: %d bytes: %w", c.name, limit, err)
		}
	}
	tooLarge, err := p.place(limit + 1)
	if err != nil {
		return err
	}
	var items []string
	for _, c := range tooLarge.contenders {
		err := c.call(ctx)
		if !errors.Is(err, nats.ErrMaxPayload) {
			return fmt.Errorf("%s: %d bytes: %w, want %w", c.name, limit+1, err, nats.ErrMaxPayload)
		}
		items = append(items, fmt.Sprintf("a request, %s: `%v`, and nothing is sent;", c.name, err))
	}
	replies, err := p.oversizeReplies(ctx, limit+1)
	if err != nil {
		return err
	}
	r.list(fmt.Sprintf("Where it breaks: `max_payload` is %s. Bodies of that size pass. With one byte more the caller gets, for",
		plot.Bytes(float64(limit))), append(items, replies...))
	return nil
}

// oversizeReplies says what becomes of replies of so many bytes, which are too many.
func (p *payloadBed) oversizeReplies(ctx context.Context, size int) (items []string, err error) {
	sub, err := p.service.QueueSubscribe("raw-inflate", queueGroup, func(m *nats.Msg) { _ = m.Respond(make([]byte, size)) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sub.Unsubscribe()) }()
	if err := p.service.Flush(); err != nil {
		return nil, err
	}
	const short = 100 * time.Millisecond
	if _, err := p.callers.Request("raw-inflate", nil, short); errors.Is(err, nats.ErrTimeout) {
		items = append(items, fmt.Sprintf("a reply, raw: `%v`, once its patience is over;", err))
	} else {
		return nil, fmt.Errorf("raw: a reply of %d bytes: %w, want %w", size, err, nats.ErrTimeout)
	}
	e := typednats.NewEndpoint[struct{}, document, typednats.Never]("inflate")
	large, err := documentOf(json.Codec, size)
	if err != nil {
		return nil, err
	}
	_, err = p.serve(typednats.ServiceConfig{Logger: silent()}, e.Handle(
		func(context.Context, struct{}) (document, error) { return large, nil }))
	if err != nil {
		return nil, err
	}
	_, err = typednats.RequestService(ctx, p.client, e, struct{}{})
	if refused, ok := errors.AsType[*typednats.ServiceError](err); !ok || refused.Code != 500 {
		return nil, fmt.Errorf("a reply of %d bytes: %w, want code 500", size, err)
	}
	return append(items, fmt.Sprintf("a reply, typednats: `%v`, at once.", err)), nil
}
