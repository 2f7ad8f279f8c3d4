package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/body"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/wire"
)

// The content types that this command can send.
const (
	jsonType    = "application/json"
	msgpackType = "application/msgpack"
	rawType     = "application/octet-stream"
)

// request is what is going to be sent.
type request struct {
	contentType string
	data        []byte
	problems    []body.Problem // what does not fit the contract
}

// contentType returns the content type to send, of those that all instances accept: JSON if possible.
func contentType(accepted [][]string) (string, error) {
	for _, mine := range []string{jsonType, msgpackType, rawType} {
		isMine := func(theirs string) bool { return wire.CanonicalMediaType(theirs) == mine }
		if !slices.ContainsFunc(accepted, func(list []string) bool { return !slices.ContainsFunc(list, isMine) }) {
			return mine, nil
		}
	}
	var all []string
	for _, list := range accepted {
		all = append(all, list...)
	}
	slices.Sort(all)
	return "", fail(exitUsage, fmt.Errorf("it accepts %s; this command sends %s, %s and %s",
		strings.Join(slices.Compact(all), ", "), jsonType, msgpackType, rawType))
}

// readArgument returns the body that an argument means: itself, a file if it begins with @, standard input if it is a
// dash.
func (t *tool) readArgument(ctx context.Context, argument string) ([]byte, error) {
	path, isFile := strings.CutPrefix(argument, "@")
	switch {
	case argument == "-":
		return t.readInput(ctx)
	case isFile:
		data, err := os.ReadFile(path) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		return data, nil
	default:
		return []byte(argument), nil
	}
}

// readInput reads standard input until it or ctx ends. A read that is left behind ends with the process.
func (t *tool) readInput(ctx context.Context) ([]byte, error) {
	type input struct {
		data []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(t.stdin)
		read <- input{data, err}
	}()
	select {
	case in := <-read:
		if in.err != nil {
			return nil, fail(exitUsage, fmt.Errorf("read standard input: %w", in.err))
		}
		return in.data, nil
	case <-ctx.Done():
		return nil, fail(exitTimeout, errors.New("interrupted"))
	}
}

// newRequest makes the body of a request of what the user gave, which may be nothing. doc is nil if there is no
// contract.
func newRequest(doc *contract.Document, sends string, given []byte, isGiven bool, example string) (request, error) {
	r := request{contentType: sends, data: given}
	if sends == rawType {
		return r, nil
	}
	var schema *contract.Schema
	if doc != nil {
		s, ok := doc.RequestSchema(sends)
		switch {
		case !ok && isGiven && len(given) > 0:
			r.problems = []body.Problem{{Path: "request", Message: "the endpoint takes none, and ignores what is sent", Ignored: true}}
		case !ok:
			return r, nil
		default:
			schema = &s
		}
	}
	switch {
	case !isGiven && schema == nil:
		return r, nil
	case !isGiven:
		if len(body.Check(schema, map[string]any{}, "request")) > 0 {
			return r, fail(exitUsage, fmt.Errorf("%s takes a request: give it as JSON, as @file, or as - for standard input\n%s",
				doc.Subject, example))
		}
		r.data = []byte("{}")
	case len(given) == 0:
		return r, nil // the user said so
	}
	value, err := body.Parse(r.data)
	if err != nil && doc == nil {
		return r, fail(exitUsage, fmt.Errorf("the request is %w\n--raw sends it as it is, if that is what the endpoint takes", err))
	}
	if err != nil {
		return r, fail(exitUsage, fmt.Errorf("the request is %w", err))
	}
	r.problems = append(r.problems, body.Check(schema, value, "request")...)
	if sends == msgpackType {
		if r.data, err = body.Encode(schema, value, "request"); err != nil {
			return r, fail(exitUsage, fmt.Errorf("the request cannot be sent as %s: %w", sends, err))
		}
	}
	return r, nil
}

// errStrict is the error for a request that does not fit, with --strict.
var errStrict = errors.New("the request does not fit the contract, and --strict is set")
