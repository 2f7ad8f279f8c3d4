package typednats

import (
	"context"
	"errors"
	"log/slog"

	"github.com/typednats/typednats/internal/wire"
)

// LogObserver logs what becomes of each request of a service, or of each call of a client: one line when it has ended, with
// endpoint, subject, duration and, as far as there are, service, instance, code, the declared error's tag, the word for a
// refusal, the number of attempts and the error. nil means [slog.Default].
//
//   - Info: replies, and declared errors, which are answers.
//   - Warn: what is refused, callers that give up or whose time is over, undeclared errors with a code below 500.
//   - Error: what is the service's fault. On a client that is also a call that gets no answer in its time.
//
// The line of an error that the caller got as "internal error, id …" has that id as error_id, and so has the line that the
// service writes in any case; see [ErrorReport].
func LogObserver(logger *slog.Logger) Observer { return logObserver{logger} }

type logObserver struct{ logger *slog.Logger }

// Start implements [Observer].
func (logObserver) Start(ctx context.Context, _ *Observation) context.Context { return ctx }

// End implements [Observer].
func (l logObserver) End(ctx context.Context, o *Observation) {
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	level := levelOf(o)
	if !logger.Enabled(ctx, level) {
		return
	}
	logger.LogAttrs(ctx, level, o.headline(), o.attributes()...)
}

// headline says in words how a request has ended.
func (o *Observation) headline() string {
	what := "request "
	if o.Side == ClientSide {
		what = "call "
	}
	switch o.Outcome {
	case OutcomeOK, OutcomeDeclared:
		return what + "answered"
	default:
		return what + o.Outcome.String()
	}
}

func (o *Observation) attributes() []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	if o.Side == ServerSide {
		attrs = append(attrs, slog.String("service", o.Service), slog.String("instance", o.Instance))
	}
	attrs = append(attrs, slog.String("endpoint", o.Endpoint), slog.String("subject", o.Subject), slog.Duration("duration", o.Took))
	if o.Attempts > 1 {
		attrs = append(attrs, slog.Int("attempts", o.Attempts))
	}
	if o.Code != 0 {
		attrs = append(attrs, slog.Int("code", o.Code))
	}
	for _, word := range [...]slog.Attr{
		slog.String("tag", o.Tag), slog.String("refused", o.Refused), slog.String("error_id", o.ErrorID),
	} {
		if word.Value.String() != "" {
			attrs = append(attrs, word)
		}
	}
	if o.Err != nil {
		attrs = append(attrs, slog.Any("error", o.Err))
	}
	return attrs
}

// levelOf says how bad it is.
func levelOf(o *Observation) slog.Level {
	switch {
	case o.Outcome == OutcomeOK, o.Outcome == OutcomeDeclared:
		return slog.LevelInfo
	case o.ErrorID != "":
		return slog.LevelError
	case o.Outcome == OutcomeRefused, o.isGivenUp(), o.Code != 0 && !wire.IsServiceFault(o.Code):
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

// isGivenUp reports whether a caller did not wait. For a service that is so, too, if the caller's time was over; it does
// not go by the error, which may hold the end of some other context.
func (o *Observation) isGivenUp() bool {
	if o.Side == ClientSide {
		return errors.Is(o.Err, context.Canceled)
	}
	return o.Outcome == OutcomeUnanswered || o.interrupted == wire.InterruptedByDeadline || o.interrupted == wire.InterruptedByCaller
}
