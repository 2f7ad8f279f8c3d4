package typednats

import (
	"context"
	"log/slog"
	"time"

	"github.com/typednats/typednats/internal/wire"
)

// LogInterceptor logs each request with its endpoint, subject, duration and, if it failed, code and error. Successes
// and declared errors, which are answers of the service and not failures of it, are logged at level Info; other
// errors with a code below 500, and handlers whose context has ended, at Warn; the rest at Error. nil means [slog.Default].
func LogInterceptor(logger *slog.Logger) Interceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, inv *Invocation) (any, error) {
			start := time.Now()
			reply, err := next(ctx, inv)
			to := logger
			if to == nil {
				to = slog.Default()
			}
			level, message, attrs := describeOutcome(inv, err)
			to.LogAttrs(ctx, level, message, append(attrs,
				slog.String("endpoint", inv.Endpoint),
				slog.String("subject", inv.Subject),
				slog.Duration("duration", time.Since(start)),
			)...)
			return reply, err
		}
	}
}

func describeOutcome(inv *Invocation, err error) (slog.Level, string, []slog.Attr) {
	message := "request handled"
	if inv.Side == ClientSide {
		message = "call made"
	}
	if err == nil {
		return slog.LevelInfo, message, nil
	}
	code, declared := inv.Outcome(err)
	attrs := []slog.Attr{slog.Int("code", code), slog.Bool("declared", declared), slog.Any("error", err)}
	switch {
	case declared:
		return slog.LevelInfo, message, attrs
	case code > 0 && !wire.IsServiceFault(code), inv.isInterrupted(err):
		return slog.LevelWarn, message, attrs
	default:
		return slog.LevelError, message, attrs
	}
}
