package wire

import (
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ErrorReply is what the headers of an error reply say.
type ErrorReply struct {
	Code        int
	Description string
	Type        string // the wire tag of a declared error, else empty
}

// Header returns the headers of the reply. Description and code must be clean; both headers are always there, because
// clients of other makes look at either.
func (e ErrorReply) Header() nats.Header {
	h := make(nats.Header, 3)
	h[micro.ErrorHeader] = []string{e.Description}
	h[micro.ErrorCodeHeader] = []string{strconv.Itoa(e.Code)}
	if e.Type != "" {
		h[ErrorTypeHeader] = []string{e.Type}
	}
	return h
}

// ParseErrorReply reads the headers of a reply. It reports false for a successful one. Either error header makes it an
// error, and a code that is not a positive number counts as 500.
func ParseErrorReply(h nats.Header) (e ErrorReply, failed bool) {
	if len(h) == 0 || len(h[micro.ErrorHeader]) == 0 && len(h[micro.ErrorCodeHeader]) == 0 {
		return ErrorReply{}, false
	}
	code, err := strconv.Atoi(strings.TrimSpace(HeaderValue(h, micro.ErrorCodeHeader)))
	if err != nil {
		code = codeInternal
	}
	return ErrorReply{
		Code:        CleanCode(code),
		Description: HeaderValue(h, micro.ErrorHeader),
		Type:        HeaderValue(h, ErrorTypeHeader),
	}, true
}

// CleanCode makes code fit to be sent.
func CleanCode(code int) int {
	if code < 1 {
		return codeInternal
	}
	return code
}
