package typednats_test

import (
	"context"
	"fmt"
	"log"
	"maps"
	"regexp"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
)

// printMsg writes a message as it crosses the wire, without what differs from run to run: what is random in a reply
// subject, and the exact milliseconds.
func printMsg(what string, m *nats.Msg) {
	fixed := func(s string) string {
		s = regexp.MustCompile(`^_INBOX\.\w+`).ReplaceAllString(s, "_INBOX.<random>")
		s = regexp.MustCompile(`\.\w{8}$`).ReplaceAllString(s, ".<random>")
		s = regexp.MustCompile(`(\.~.*~)\w+$`).ReplaceAllString(s, "${1}<number>")
		return regexp.MustCompile(`^[0-9]{4}$|~[0-9]{4}`).ReplaceAllStringFunc(s, func(t string) string {
			return t[:len(t)-4] + "5000"
		})
	}
	fmt.Println(what, "on", fixed(m.Subject))
	if m.Reply != "" {
		fmt.Println("reply to", fixed(m.Reply))
	}
	for _, key := range slices.Sorted(maps.Keys(m.Header)) {
		fmt.Printf("%s: %s\n", key, fixed(m.Header.Get(key)))
	}
	switch {
	case len(m.Data) == 0:
		fmt.Print("(no body)\n\n")
	case m.Data[0] == '{':
		fmt.Printf("%s\n\n", m.Data)
	default:
		fmt.Printf("%+q\n\n", m.Data)
	}
}

func Example_wire() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	both := Reserve.WithCodec(json.Codec, msgpack.Codec)
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0", AskNeighbours: typednats.AskNever, // nothing else is on the wire
	},
		both.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()
	tap, err := nc.SubscribeSync(">")
	if err != nil {
		log.Fatal(err)
	}
	show := func(what string) {
		m, err := tap.NextMsgWithContext(ctx)
		if err != nil {
			log.Fatal(err)
		}
		printMsg(what, m)
	}
	client := typednats.NewClient(nc)
	defer func() { _ = client.Close() }()

	_, _ = typednats.RequestService(ctx, client, both, ReserveRequest{Item: "nut", Quantity: 3})
	show("first request through a Client")
	show("reply")
	_, _ = typednats.RequestService(ctx, client, both, ReserveRequest{Item: "nut", Quantity: 3})
	show("request through a Client")
	show("reply")
	_, _ = typednats.RequestService(ctx, client, both, ReserveRequest{Item: "nut", Quantity: 3},
		typednats.WithCallCodec(msgpack.Codec))
	show("request through a Client, in msgpack")
	show("reply")
	_, _ = typednats.RequestService(ctx, nc, both, ReserveRequest{Item: "nut", Quantity: 3},
		typednats.WithCallCodec(msgpack.Codec))
	show("request through the connection, in msgpack")
	show("reply")
	_, _ = typednats.RequestService(ctx, client, both, ReserveRequest{Item: "gear", Quantity: 3})
	show("request through a Client")
	show("reply with a declared error")
	_, _ = typednats.Request[string, string](ctx, client, "warehouse.reserve", "nut",
		typednats.WithCallCodec(raw.Codec))
	show("request in a codec that is not accepted")
	show("reply with an infrastructure error")
	// Output:
	// first request through a Client on warehouse.reserve
	// reply to _INBOX.<random>.~5000~~<number>
	// Typednats-Timeout: 5000
	// {"item":"nut","quantity":3}
	//
	// reply on _INBOX.<random>.~5000~~<number>
	// Typednats-Reply-Token: read
	// {"id":"r-1"}
	//
	// request through a Client on warehouse.reserve
	// reply to _INBOX.<random>.~5000~~<number>
	// {"item":"nut","quantity":3}
	//
	// reply on _INBOX.<random>.~5000~~<number>
	// {"id":"r-1"}
	//
	// request through a Client, in msgpack on warehouse.reserve
	// reply to _INBOX.<random>.~5000~msgpack~<number>
	// "\x82\xa4item\xa3nut\xa8quantity\x03"
	//
	// reply on _INBOX.<random>.~5000~msgpack~<number>
	// "\x81\xa2id\xa3r-1"
	//
	// request through the connection, in msgpack on warehouse.reserve
	// reply to _INBOX.<random>.<random>
	// Content-Type: application/msgpack
	// Typednats-Timeout: 5000
	// "\x82\xa4item\xa3nut\xa8quantity\x03"
	//
	// reply on _INBOX.<random>.<random>
	// "\x81\xa2id\xa3r-1"
	//
	// request through a Client on warehouse.reserve
	// reply to _INBOX.<random>.~5000~~<number>
	// {"item":"gear","quantity":3}
	//
	// reply with a declared error on _INBOX.<random>.~5000~~<number>
	// Nats-Service-Error: unknown item "gear"
	// Nats-Service-Error-Code: 404
	// Nats-Service-Error-Type: UnknownItemError
	// {"item":"gear"}
	//
	// request in a codec that is not accepted on warehouse.reserve
	// reply to _INBOX.<random>.~5000~octet-stream~<number>
	// Content-Type: application/octet-stream
	// "nut"
	//
	// reply with an infrastructure error on _INBOX.<random>.~5000~octet-stream~<number>
	// Nats-Service-Error: content type "application/octet-stream" is not accepted; accepted: application/json, application/msgpack
	// Nats-Service-Error-Code: 415
	// Typednats-Refused: codec
	// (no body)
}
