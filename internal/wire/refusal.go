package wire

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// noRespondersStatus is the status of the message that the server sends if nobody serves a subject (ADR-22).
const noRespondersStatus = "503"

// IsNoResponders reports whether a message is the server's word that nobody serves the subject.
func IsNoResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && HeaderValue(m.Header, StatusHeader) == noRespondersStatus
}

// ParseStatus reads a message that is nothing but a status from 400 on: JetStream says with one that there is no message, or
// that a request is wrong. It reports false for any other message.
func ParseStatus(m *nats.Msg) (e ErrorReply, failed bool) {
	status := HeaderValue(m.Header, StatusHeader)
	if status == "" || len(m.Data) > 0 {
		return ErrorReply{}, false
	}
	code, err := strconv.Atoi(status)
	if err != nil || code < 400 || code > 599 {
		return ErrorReply{}, false
	}
	return ErrorReply{Code: code, Description: HeaderValue(m.Header, "Description")}, true
}

// IsRefusal reports whether err says that the server refused something for lack of a permission.
func IsRefusal(err error) bool { return errors.Is(err, nats.ErrPermissionViolation) }

// RefusesPublish reports whether err is the server's refusal of a message to the subject. The server tells it to the
// connection, in a text, and not to whoever sent the message.
func RefusesPublish(err error, subject string) bool {
	return strings.Contains(refusalOf(err), "Publish to "+strconv.Quote(subject))
}

// RefusesSubscription reports whether err is the server's refusal of a subscription to the subject without a queue group.
// It refuses when it is asked to subscribe, and when it takes a permission away.
func RefusesSubscription(err error, subject string) bool { return RefusesMember(err, subject, "") }

// RefusesMember reports whether err is the server's refusal of a subscription to the subject in the queue group, which
// may be empty.
func RefusesMember(err error, subject, queueGroup string) bool {
	const group = " using queue "
	_, rest, ok := strings.Cut(refusalOf(err), "Subscription to "+strconv.Quote(subject))
	if queueGroup == "" {
		return ok && !strings.HasPrefix(rest, group)
	}
	return ok && strings.HasPrefix(rest, group+strconv.Quote(queueGroup))
}

// RefusesExtra reports whether err is the server's refusal of a subscription that a service can do without: to
// cancellations, or to questions for contract documents.
func RefusesExtra(err error) bool {
	return strings.Contains(refusalOf(err), `Subscription to "`+ownPrefix+`.`)
}

// IsRefusedSubscription reports whether err is the server's refusal of some subscription.
func IsRefusedSubscription(err error) bool {
	return strings.Contains(refusalOf(err), "Subscription to ")
}

// refusalOf returns the text of a refusal, "" if err is none.
func refusalOf(err error) string {
	if !IsRefusal(err) {
		return ""
	}
	return err.Error()
}
