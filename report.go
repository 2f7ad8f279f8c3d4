package typednats

import (
	"cmp"
	"log/slog"

	"github.com/typednats/typednats/internal/server"
)

// ErrorReport is one error that stays inside the service.
type ErrorReport struct {
	// Endpoint is the endpoint's name; empty if the error is about the service.
	Endpoint string

	// Subject is where the request was sent, or what the subscription is for.
	Subject string

	// Err is the error. A panic with an error wraps it.
	Err error

	// Stack is the stack of a panic, else nil.
	Stack []byte
}

// reporter tells the owner of a service what its callers are not told.
type reporter struct {
	service, id  string
	logger       *slog.Logger // nil means the default one
	errorHandler func(ErrorReport)
}

func (p *reporter) log() *slog.Logger { return cmp.Or(p.logger, slog.Default()) }

// report logs an error and hands it to the ErrorHandler, whose panic is the owner's own affair.
func (p *reporter) report(r server.Report) {
	logger := p.log()
	defer func() {
		if recovered := recover(); recovered != nil {
			logger.Error("typednats: the ErrorHandler failed", "service", p.service, "error", server.NewPanicError(recovered))
		}
	}()
	attrs := []any{"service", p.service, "id", p.id, "endpoint", r.Endpoint, "subject", r.Subject, "error", r.Err}
	if r.Stack != nil {
		attrs = append(attrs, "stack", string(r.Stack))
	}
	logger.Error("typednats: "+inTrouble(r), attrs...)
	if p.errorHandler != nil {
		p.errorHandler(ErrorReport{Endpoint: r.Endpoint, Subject: r.Subject, Err: r.Err, Stack: r.Stack})
	}
}

// inTrouble says what a report is about.
func inTrouble(r server.Report) string {
	switch {
	case r.Endpoint == "":
		return "service in trouble"
	case r.OfRequest:
		return "request failed"
	default:
		return "endpoint in trouble"
	}
}
