package typednats_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
)

func ExampleEndpoint_WithCodec() {
	released := Reserve                                   // JSON
	step1 := Reserve.WithCodec(json.Codec, msgpack.Codec) // sends JSON, accepts both
	step2 := Reserve.WithCodec(msgpack.Codec, json.Codec) // sends msgpack, accepts both
	done := Reserve.WithCodec(msgpack.Codec)              // no JSON any more

	nc, end := exampleConn()
	defer end()
	call := func(name string, server, client typednats.Endpoint[ReserveRequest, Reservation, ReserveError]) {
		ctx := context.Background()
		svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
			server.Handle(reserve))
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = svc.Stop(ctx) }()
		_, err = typednats.RequestService(ctx, nc, client, ReserveRequest{Item: "nut"})
		fmt.Println(name, err)
	}
	call("server at step 1, released client:", step1, released)
	call("server at step 1, client at step 2:", step1, step2)
	call("server done, client at step 2:", done, step2)
	call("server done, released client:", done, released)
	// Output:
	// server at step 1, released client: <nil>
	// server at step 1, client at step 2: <nil>
	// server done, client at step 2: <nil>
	// server done, released client: call "reserve" at "warehouse.reserve": service error 415: the request names no content type, which means JSON, and that is not accepted; accepted: application/msgpack
}

func ExampleWithCallCodec() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	both := Reserve.WithCodec(json.Codec, msgpack.Codec)
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		both.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, both, ReserveRequest{Item: "gear"},
		typednats.WithCallCodec(msgpack.Codec))
	_, declared := errors.AsType[UnknownItemError](err)
	fmt.Println("errors come in the call's codec, too:", declared)
	// Output: errors come in the call's codec, too: true
}

// Upper is an endpoint without a format: bytes in, bytes out.
var Upper = typednats.NewEndpoint[string, []byte, typednats.Never]("upper").WithCodec(raw.Codec)

func ExampleEndpoint_WithCodec_raw() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "text", Version: "1.0.0"},
		Upper.Handle(func(_ context.Context, s string) ([]byte, error) { return []byte(strings.ToUpper(s)), nil }))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	// An endpoint that takes raw bytes alone needs no header: `nats request upper hello` does.
	reply, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: Upper.Subject(), Data: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(reply.Data))
	// Output: HELLO
}

// Gob is a codec for peers that are all written in Go.
type Gob struct{}

// ContentType implements typednats.Codec.
func (Gob) ContentType() string { return "application/x-gob" }

// Marshal implements typednats.Codec.
func (Gob) Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Unmarshal implements typednats.Codec.
func (Gob) Unmarshal(data []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}

func ExampleCodec() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	endpoint := Reserve.WithCodec(Gob{})
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		endpoint.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	reply, err := typednats.RequestService(ctx, nc, endpoint, ReserveRequest{Item: "nut"})
	fmt.Println(reply.ID, err)
	// Output: r-1 <nil>
}
