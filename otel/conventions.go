package typednatsotel

import (
	"go.opentelemetry.io/otel/attribute"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/typednats/typednats/otel"

// The RPC conventions. The packages of constants that come with OpenTelemetry are not used: the newest one is older
// than the conventions that became stable, and has another name for the status code.
const (
	schemaURL = "https://opentelemetry.io/schemas/1.45.0"

	systemKey         = attribute.Key("rpc.system.name")
	methodKey         = attribute.Key("rpc.method")
	originalMethodKey = attribute.Key("rpc.method_original")
	statusCodeKey     = attribute.Key("rpc.status_code")
	errorTypeKey      = attribute.Key("error.type")

	requestHeaderPrefix = "rpc.request.header."

	clientDurationName = "rpc.client.call.duration"
	serverDurationName = "rpc.server.call.duration"

	// system is the value of rpc.system.name, and the name of a span whose method is not known.
	system = "typednats"

	// statusOK is the value of rpc.status_code for a reply.
	statusOK = "OK"

	// other stands for all values that are not known.
	other = "_OTHER"
)

// Names of our own, for what the conventions have none.
const (
	errorTagKey  = attribute.Key("typednats.error.tag")
	errorIDKey   = attribute.Key("typednats.error.id")
	refusedKey   = attribute.Key("typednats.refused")
	subjectKey   = attribute.Key("typednats.subject")
	serviceKey   = attribute.Key("typednats.service")
	instanceKey  = attribute.Key("typednats.instance")
	attemptsKey  = attribute.Key("typednats.attempts")
	queueWaitKey = attribute.Key("typednats.queue_wait")

	requestSizeName   = "typednats.server.request.size"
	replySizeName     = "typednats.server.reply.size"
	queueDurationName = "typednats.server.queue.duration"
	activeCallsName   = "typednats.server.active_calls"
	waitingCallsName  = "typednats.server.waiting_calls"
	maxCallsName      = "typednats.server.max_calls"
)

// Values of error.type if there is no code.
const (
	noResponders = "no_responders"
	timeout      = "timeout"
	canceled     = "canceled"
	disconnected = "disconnected"
	encode       = "encode"
	decode       = "decode"
)

// durationBuckets are those of the conventions, in seconds.
func durationBuckets() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// sizeBuckets go up to what a server takes by default, in bytes.
func sizeBuckets() []float64 {
	return []float64{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}
}
