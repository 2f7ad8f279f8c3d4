package explorer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

const (
	// callTimeout is how long a call waits for the reply.
	callTimeout = 5 * time.Second

	// maxRequest bounds what the form sends, and maxReply what is shown of a reply, in bytes.
	maxRequest = 1 << 20
	maxReply   = 1 << 20
)

// order is what the form sends.
type order struct {
	Endpoint int             `json:"endpoint"`
	Subject  string          `json:"subject"` // which may be one of several, if the endpoint's has wildcards
	Request  json.RawMessage `json:"request"` // none: the body is empty
}

// outcome is what comes of a call: a reply, or an error.
type outcome struct {
	OK    bool       `json:"ok"`
	Reply string     `json:"reply,omitempty"` // indented, if it is JSON
	Error *callError `json:"error,omitempty"`
	Took  float64    `json:"took_ms"`
}

// callError is what went wrong. A declared error has a tag, and its value is its body.
type callError struct {
	Tag     string `json:"tag,omitempty"`
	Code    int    `json:"code,omitempty"`
	Message string `json:"message"`
	Refused string `json:"refused,omitempty"`
	Value   string `json:"value,omitempty"`
}

// call makes a call for the form. It is the one route that sends anything but questions.
func (h *handler) call(w http.ResponseWriter, r *http.Request) {
	// A form of another site cannot send this type without being asked first.
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != wire.JSONMediaType {
		refuse(w, http.StatusUnsupportedMediaType, "want application/json")
		return
	}
	if err := h.settings.allow(r); err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	var o order
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "the request has more than "+strconv.Itoa(maxRequest)+" bytes")
		return
	} else if err != nil {
		refuse(w, http.StatusBadRequest, "the request is not JSON: "+err.Error())
		return
	}
	pattern, isShown := h.shown(o.Endpoint)
	switch {
	case !isShown:
		refuse(w, http.StatusNotFound, "there is no such endpoint any more")
	case wire.CheckTarget(o.Subject) != nil:
		refuse(w, http.StatusBadRequest, "the subject cannot be sent to: "+wire.CheckTarget(o.Subject).Error())
	case subject.Check(pattern) != nil || !subject.Matches(pattern, o.Subject):
		refuse(w, http.StatusBadRequest, "the endpoint does not listen on this subject")
	default:
		writeJSON(w, http.StatusOK, h.send(r.Context(), o))
	}
}

// shown returns the subject of an endpoint that the page shows.
func (h *handler) shown(number int) (pattern string, ok bool) {
	h.poller.mu.Lock()
	defer h.poller.mu.Unlock()
	e := h.poller.fleet.byNumber[number]
	if e == nil {
		return "", false
	}
	return e.subject, true
}

// send sends the request once.
func (h *handler) send(ctx context.Context, o order) outcome {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	msg := nats.NewMsg(o.Subject)
	msg.Data = o.Request
	msg.Header.Set(wire.TimeoutHeader, strconv.FormatInt(callTimeout.Milliseconds(), 10))
	began := time.Now()
	reply, err := h.nc.RequestMsgWithContext(ctx, msg)
	result := read(reply, err)
	result.Took = float64(time.Since(began).Microseconds()) / 1000
	return result
}

// read returns what a reply says.
func read(reply *nats.Msg, err error) outcome {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return outcome{Error: &callError{Message: "nobody serves this subject"}}
	case errors.Is(err, context.DeadlineExceeded):
		return outcome{Error: &callError{Message: "no reply within " + callTimeout.String()}}
	case err != nil:
		return outcome{Error: &callError{Message: err.Error()}}
	}
	e, failed := wire.ParseErrorReply(reply.Header)
	if !failed {
		return outcome{OK: true, Reply: readable(reply.Data)}
	}
	failure := callError{Tag: e.Type, Code: e.Code, Message: e.Description, Refused: string(e.Refused)}
	if len(reply.Data) > 0 {
		failure.Value = readable(reply.Data)
	}
	return outcome{Error: &failure}
}

// readable is a body for people. Digits of numbers stay as they came.
func readable(data []byte) string {
	switch {
	case len(data) == 0:
		return "// an empty body"
	case len(data) <= maxReply && json.Valid(data):
		return indent(data)
	case len(data) > maxReply:
		return strconv.Itoa(len(data)) + " bytes, which are too many to show"
	case utf8.Valid(data):
		return string(data)
	default:
		return strconv.Itoa(len(data)) + " bytes that are not text"
	}
}
