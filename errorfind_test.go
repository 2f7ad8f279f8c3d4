package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// back is the service behind another one, front the one that calls it.
var (
	back  = typednats.NewEndpoint[note, note, missing]("back")
	front = typednats.NewEndpoint[note, note, stockError]("front").FailsWith(noItem{}, &tooMany{}, busy{})
)

// hop starts both services, and returns what front's callers get and what its owner is told. forward is front's handler,
// and gets the error of its call to back.
func hop(t *testing.T, fail string, forward func(error) error) (reportLog, error) {
	t.Helper()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), back.Handle(func(_ context.Context, in note) (note, error) {
		switch in.Text {
		case "declared":
			return note{}, missing{"secret"}
		case "plain":
			return note{}, errors.New("secret")
		default:
			return note{}, typednats.Errorf(len(in.Text)+400, "secret")
		}
	}))
	reports := make(reportLog, 10)
	client := typednats.NewClient(srv.Connect(t))
	start(t, srv.Connect(t), config(reports.config), front.Handle(func(ctx context.Context, in note) (note, error) {
		_, err := typednats.RequestService(ctx, client, back, in)
		return note{}, forward(err)
	}))
	_, err := typednats.RequestService(within(t), srv.Connect(t), front, note{fail})
	return reports, err
}

// TestErrorOfAnotherServiceStaysInside has what a handler gets from a call of its own: it is not the service's answer,
// and its owner learns which call has failed.
func TestErrorOfAnotherServiceStaysInside(t *testing.T) {
	t.Parallel()
	internal := typednats.ServiceError{Code: 500, Description: "internal error"}
	for name, forward := range map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"wrapped":  func(err error) error { return fmt.Errorf("reserve: %w", err) },
		"joined":   func(err error) error { return errors.Join(errors.New("audit"), err) },
		"collected": func(err error) error {
			return &collection{all: []error{errors.New("audit"), err}}
		},
	} {
		for _, fail := range []string{"a 15 bytes text", "plain", ""} {
			t.Run(name+", "+fail, func(t *testing.T) {
				t.Parallel()
				reports, err := hop(t, fail, forward)
				compareFailure(t, "front", internal, err)
				report := await(t, reports, "the report")
				failed, ok := errors.AsType[*typednats.CallError](report.Err)
				if !ok || failed.Endpoint != "back" || failed.Subject != "back" || report.Endpoint != "front" {
					t.Errorf("reported %v of %q, want the call of back in front", report.Err, report.Endpoint)
				}
			})
		}
	}
	t.Run("a declared error that is not declared here", func(t *testing.T) {
		t.Parallel()
		reports, err := hop(t, "declared", func(err error) error { return err })
		compareFailure(t, "front", internal, err)
		if report := await(t, reports, "the report"); !errors.Is(report.Err, missing{"secret"}) {
			t.Errorf("reported %v", report.Err)
		}
	})
	t.Run("passed on", func(t *testing.T) {
		t.Parallel()
		reports, err := hop(t, "abc", func(err error) error {
			se, _ := errors.AsType[*typednats.ServiceError](err)
			return typednats.Errorf(se.Code, "back failed")
		})
		compareFailure(t, "front", typednats.ServiceError{Code: 403, Description: "back failed"}, err)
		if len(reports) > 0 {
			t.Errorf("reported %v", (<-reports).Err)
		}
	})
	t.Run("beside an answer", func(t *testing.T) {
		t.Parallel()
		_, err := hop(t, "abc", func(err error) error { return errors.Join(err, noItem{"nut"}) })
		compare(t, "front", error(noItem{"nut"}), err)
	})
}

// TestDeclaredErrorOfAnotherServicePasses has an error that both services declare.
func TestDeclaredErrorOfAnotherServicePasses(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	client := typednats.NewClient(srv.Connect(t))
	start(t, srv.Connect(t), config(), back.Handle(func(context.Context, note) (note, error) { return note{}, missing{"nut"} }))
	outer := typednats.NewEndpoint[note, note, missing]("outer")
	start(t, srv.Connect(t), config(), outer.Handle(func(ctx context.Context, in note) (note, error) {
		_, err := typednats.RequestService(ctx, client, back, in)
		return note{}, fmt.Errorf("look up: %w", err)
	}))
	_, err := typednats.RequestService(within(t), srv.Connect(t), outer, note{})
	compare(t, "outer", error(missing{"nut"}), err)
}

// collection finds what it holds with a method of its own.
type collection struct{ all []error }

func (c *collection) Error() string { return "several" }

func (c *collection) As(target any) bool {
	for _, err := range c.all {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

// likeness says with a method of its own what it is.
type likeness struct{ like error }

func (l likeness) Error() string { return "like " + l.like.Error() }

func (l likeness) Is(target error) bool { return target == l.like }

// TestErrorsAreFoundAsErrorsAsFindsThem has declared errors behind methods As and Is.
func TestErrorsAreFoundAsErrorsAsFindsThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ returned, want error }{
		"a value by As":              {&collection{[]error{errors.New("x"), noItem{"nut"}}}, noItem{"nut"}},
		"a pointer to a value by As": {&collection{[]error{&noItem{"nut"}}}, noItem{"nut"}},
		"a pointer by As":            {fmt.Errorf("x: %w", &collection{[]error{&tooMany{3}}}), &tooMany{3}},
		"a code by As":               {&collection{[]error{typednats.Errorf(409, "taken")}}, typednats.Errorf(409, "taken")},
		"a value by Is":              {fmt.Errorf("x: %w", likeness{busy{}}), busy{}},
		"As before Is":               {errors.Join(likeness{busy{}}, noItem{"nut"}), noItem{"nut"}},
		"the outermost":              {errors.Join(typednats.Errorf(409, "taken"), noItem{"nut"}), typednats.Errorf(409, "taken")},
		"As with a nil inside":       {errors.Join(&collection{[]error{(*noItem)(nil)}}, busy{}), busy{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := typednats.Local(front.Handle(func(context.Context, note) (note, error) { return note{}, test.returned }))
			_, err := typednats.RequestService(within(t), r, front, note{})
			if want, ok := test.want.(*typednats.ServiceError); ok { //nolint:errorlint // it is not wrapped
				compareFailure(t, name, *want, err)
				return
			}
			compare(t, name, test.want, err)
		})
	}
}

// TestConcreteErrorIsFoundByIs has an endpoint whose only error is declared by its type.
func TestConcreteErrorIsFoundByIs(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[note, note, busy]("concrete")
	r := typednats.Local(e.Handle(func(context.Context, note) (note, error) { return note{}, likeness{busy{}} }))
	_, err := typednats.RequestService(within(t), r, e, note{})
	compare(t, "error", error(busy{}), err)
}

// TestOwnerIsToldOfForgottenErrors has mistakes of a handler that look like answers.
func TestOwnerIsToldOfForgottenErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		returned error
		want     string
	}{
		"a forgotten member":            {fmt.Errorf("x: %w", denied{"ann"}), "denied implements stockError but is not declared; list it with FailsWith"},
		"a pointer to one":              {&gone{}, "*gone implements stockError but is not declared; list it with FailsWith"},
		"a typed nil":                   {(*tooMany)(nil), "the handler returned a nil *typednats_test.tooMany as an error"},
		"a typed nil inside":            {fmt.Errorf("x: %w", (*noItem)(nil)), "the handler returned a nil *typednats_test.noItem as an error"},
		"nothing of the kind, in short": {errors.New("plain"), "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, reports := typednatstest.Server(t), make(reportLog, 1)
			start(t, nc, config(reports.config), front.Handle(func(context.Context, note) (note, error) { return note{}, test.returned }))
			_, err := typednats.RequestService(within(t), nc, front, note{})
			compareFailure(t, name, typednats.ServiceError{Code: 500, Description: "internal error"}, err)
			if got := await(t, reports, "the report").Err; !strings.Contains(got.Error(), test.want) {
				t.Errorf("reported %q, want %q in it", got, test.want)
			}
		})
	}
}
