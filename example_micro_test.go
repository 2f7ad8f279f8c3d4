package typednats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
)

func Example_beforeMicro() {
	nc, end := exampleConn()
	defer end()

	svc, err := micro.AddService(nc, micro.Config{Name: "warehouse", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop() }()
	handler := micro.HandlerFunc(func(req micro.Request) {
		var r ReserveRequest
		if err := json.Unmarshal(req.Data(), &r); err != nil {
			_ = req.Error("400", err.Error(), nil)
			return
		}
		reply, err := reserve(context.Background(), r)
		if err != nil {
			_ = req.Error("404", err.Error(), nil) // which error it was is lost
			return
		}
		_ = req.RespondJSON(reply)
	})
	if err := svc.AddGroup("warehouse").AddEndpoint("reserve", handler); err != nil {
		log.Fatal(err)
	}

	body, err := json.Marshal(ReserveRequest{Item: "gear"})
	if err != nil {
		log.Fatal(err)
	}
	msg, err := nc.Request("warehouse.reserve", body, time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(msg.Header.Get(micro.ErrorCodeHeader), msg.Header.Get(micro.ErrorHeader))
	// Output: 404 unknown item "gear"
}

func Example_afterMicro() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "gear"})
	if unknown, ok := errors.AsType[UnknownItemError](err); ok {
		fmt.Println(unknown.ErrorCode(), unknown)
	}
	// Output: 404 unknown item "gear"
}

func Example_callMicro() {
	nc, end := exampleConn()
	defer end()

	svc, err := micro.AddService(nc, micro.Config{Name: "warehouse", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop() }()
	busy := micro.HandlerFunc(func(req micro.Request) { _ = req.Error("423", "stocktaking", nil) })
	if err := svc.AddGroup("warehouse").AddEndpoint("reserve", busy); err != nil {
		log.Fatal(err)
	}

	// The client first: a service that still runs on micro is called through the same descriptor.
	_, err = typednats.RequestService(context.Background(), nc, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)
	// Output: call "reserve" at "warehouse.reserve": service error 423: stocktaking
}
