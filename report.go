package typednats

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

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

	// ErrorID is what the caller has got instead: the id in "internal error, id …". Empty if it is not about a reply.
	ErrorID string

	// Stack is the stack of a panic, else nil.
	Stack []byte
}

const (
	// maxReporting is how many reports are made at a time. What comes beyond is counted, not told: whom they are made to
	// does not keep up, or does not return.
	maxReporting = 1024

	// reportGrace is how long a service that stops waits for its reports. One of them may wait for the stop.
	reportGrace = time.Second
)

// reporter tells the owner of a service what its callers are not told. Logger and ErrorHandler are the owner's code, which
// may panic, end its goroutine, not return, and stop the service: each report has a goroutine of its own, which ends with
// them.
type reporter struct {
	service, id  string
	logger       *slog.Logger // nil means the default one
	errorHandler func(ErrorReport)

	mu      sync.Mutex
	making  int           // reports
	untold  int           // reports since the last that was told
	settled chan struct{} // closed when none is being made; nil if nobody waits for that
}

// report logs an error and hands it to the ErrorHandler.
func (p *reporter) report(r server.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.making == maxReporting {
		p.untold++
		return
	}
	untold := p.untold
	p.making, p.untold = p.making+1, 0
	go p.make(r, untold)
}

// make makes one report.
func (p *reporter) make(r server.Report, untold int) {
	defer p.made()
	if p.errorHandler != nil {
		defer p.tell(ErrorReport{Endpoint: r.Endpoint, Subject: r.Subject, Err: r.Err, ErrorID: r.ErrorID, Stack: r.Stack})
	}
	attrs := []any{"endpoint", r.Endpoint, "subject", r.Subject, "error", r.Err}
	if r.ErrorID != "" {
		attrs = append(attrs, "error_id", r.ErrorID)
	}
	if r.Stack != nil {
		attrs = append(attrs, "stack", string(r.Stack))
	}
	if untold > 0 {
		attrs = append(attrs, "reports_untold", untold)
	}
	p.log(slog.LevelError, inTrouble(r), attrs...)
}

// tell calls the ErrorHandler.
func (p *reporter) tell(r ErrorReport) {
	defer func() {
		if recovered := recover(); recovered != nil {
			p.log(slog.LevelError, "the ErrorHandler failed", "error", server.NewPanicError(recovered))
		}
	}()
	p.errorHandler(r)
}

// log writes one line about the service. A Logger that panics has nobody to tell.
func (p *reporter) log(level slog.Level, message string, attrs ...any) {
	defer func() { _ = recover() }()
	logger := cmp.Or(p.logger, slog.Default())
	logger.Log(context.Background(), level, "typednats: "+message, append([]any{"service", p.service, "instance", p.id}, attrs...)...)
}

// made notes that a report was made.
func (p *reporter) made() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.making--
	if p.making == 0 && p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// settle waits for the reports that are being made, for a while.
func (p *reporter) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportGrace)
	defer cancel()
	p.mu.Lock()
	if p.making == 0 {
		p.mu.Unlock()
		return
	}
	if p.settled == nil {
		p.settled = make(chan struct{})
	}
	settled := p.settled
	p.mu.Unlock()
	select {
	case <-settled:
	case <-ctx.Done():
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
