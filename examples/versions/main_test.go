package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func Example_main() {
	main()
	// Output:
	// # a required field in the request
	// breaking: an old client does not write it, the new service needs it [required], hurts old clients, service first
	// warning: a new client writes it, the old service ignores it [ignored], hurts new clients, client first
	// => a client of the release before must not meet this one
	// # an optional field in the request, and a field in the reply
	// breaking: the old service does not write it, a new client needs it [required], hurts new clients, client first
	// warning: a new client writes it, the old service ignores it [ignored], hurts new clients, client first
	// => a client of the release before can call both
	// # one more error
	// warning: the new service may return "onHold", which reaches an old client as a ServiceError [error-unknown], hurts old clients, service first
	// => a client of the release before can call both
	// # another codec
	// breaking: an old client sends "application/json", the new service accepts "application/msgpack" [content-type], hurts clients
	// => a client of the release before must not meet this one
	// # one more codec
	// warning: a new client can be told to send "application/msgpack", the old service does not accept it [content-type], hurts new clients, client first
	// => a client of the release before can call both
	// # another subject
	// breaking: an old client sends to "reserve", the new service serves "stock.reserve" [subject], hurts clients
	// => a client of the release before is served by the other instance alone
	// # another subject beside the old one
	// info: the endpoint is new: a client that calls it before the service has it gets no answer [endpoint-added], client first
	// => a client of the release before can call both
	// # the old subject is deprecated
	// info: the endpoint is deprecated now: "send to stock.reserve" [deprecated]
	// => a client of the release before can call both
}
