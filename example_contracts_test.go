package typednats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
)

type parcel struct {
	Item  string `json:"item" doc:"what is sent" example:"nut"`
	Speed string `json:"speed" enum:"slow,fast"`
	Note  string `json:"note,omitempty" deprecated:"nobody reads it"`
}

type ticket struct {
	ID string `json:"id"`
}

var (
	sendParcel = typednats.NewEndpoint[parcel, ticket, typednats.Never]("send").
			InGroup(typednats.NewGroup("parcels")).
			WithDescription("Takes a parcel and returns the ticket to find it again.").
			WithExample(parcel{Item: "nut", Speed: "fast"}, ticket{ID: "t-1"})

	// Clients that are not changed yet send here.
	sendOld = sendParcel.InSubject("post").Deprecated("send to parcels.send")

	parcels = typednats.NewServiceContract("parcels", sendParcel, sendOld)
)

func takeParcel(context.Context, parcel) (ticket, error) { return ticket{ID: "t-2"}, nil }

// A service serves what its contract has: one handler, here, under two subjects.
func ExampleNewServiceContract() {
	nc, end := exampleConn()
	defer end()
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Version: "1.0.0", Contract: parcels},
		sendParcel.Handle(takeParcel),
		sendOld.Handle(takeParcel))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(svc.Name(), "serves", len(svc.Info().Endpoints), "endpoints")

	_, err = typednats.NewService(nc, typednats.ServiceConfig{Version: "1.0.0", Contract: parcels},
		sendParcel.Handle(takeParcel))
	fmt.Println(err)
	// Output:
	// parcels serves 2 endpoints
	// typednats: invalid configuration of service "parcels": Contract: endpoint "send": no handler is bound to it, on "parcels.post"
}

func ExampleEndpoint_Contract() {
	doc, err := sendOld.Contract()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(doc.Subject, doc.Deprecated)
	fmt.Println(string(doc.Reply.Bytes()))
	fmt.Println(len(doc.Digest()), "characters of digest")
	// Output:
	// parcels.post send to parcels.send
	// {"$ref":"#/$defs/ticket"}
	// 22 characters of digest
}

// Contracts in a file, for the command and for other languages.
func Example_writeContracts() {
	var file bytes.Buffer
	if err := writeContracts(&file); err != nil {
		log.Fatal(err)
	}
	var docs []contract.Document
	if err := json.Unmarshal(file.Bytes(), &docs); err != nil {
		log.Fatal(err)
	}
	for _, doc := range docs {
		fmt.Println(doc.Name, doc.Subject)
	}
	// Output:
	// send parcels.send
	// send parcels.post
}

func writeContracts(w io.Writer) error {
	var docs []contract.Document
	for _, endpoint := range parcels.Endpoints() {
		doc, err := endpoint.Contract()
		if err != nil {
			return err
		}
		docs = append(docs, doc)
	}
	return json.NewEncoder(w).Encode(docs)
}

// A program looks whether what it calls fits, before it serves anybody.
func Example_checkAtStart() {
	nc, end := exampleConn()
	defer end()
	fmt.Println(checkAtStart(nc))
	// Output: breaking: nobody serves the subject parcels.send
}

func checkAtStart(nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	doc, err := sendParcel.Contract()
	if err != nil {
		return err
	}
	for finding, err := range discovery.Check(ctx, discovery.New(nc), doc) {
		if err != nil {
			return err // it cannot be told, in this time
		}
		if finding.Level == contract.Breaking {
			return fmt.Errorf("%v: %s", finding.Level, finding.Message)
		}
	}
	return nil
}
