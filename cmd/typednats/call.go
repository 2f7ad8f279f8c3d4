package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/example"
	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// callFlags are those of `typednats call`.
type callFlags struct {
	headers               []string
	strict, unlisted, raw bool
	hasTimeout            bool // the user said how long to wait
}

func newCallCommand(t *tool) *cobra.Command {
	var flags callFlags
	cmd := &cobra.Command{
		Use:   "call <endpoint> [json|@file|-]",
		Short: "Call an endpoint",
		Long: `Call an endpoint, and print its reply as JSON.

The endpoint is a subject, service.endpoint, or the name of an endpoint that only one service has. The
request is JSON: as the argument, in a file, or on standard input.

What does not fit the contract that the service publishes is said on standard error, and sent all the
same unless --strict is given. An endpoint that takes MessagePack alone gets that; one that takes raw
bytes alone gets the argument as it is. Services without a contract get the JSON as it is. With --raw
any endpoint gets the argument as it is, such as one of micro that takes plain text.

A declared error is named on standard error, and its value is printed on standard output. With --json,
success and failure are one object on standard output:

  {"ok": true, "value": ...}
  {"ok": false, "error": {"tag": ..., "code": ..., "message": ..., "value": ...}}

The call waits as long as --timeout says, or else the endpoint's contract, or else 5s.`,
		Args:              takes(1, 2),
		ValidArgsFunction: t.completeEndpoint(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.hasTimeout = cmd.Flags().Changed("timeout")
			if flags.raw && flags.strict {
				return fail(exitUsage, errors.New("--strict checks the request, and --raw sends it whatever it is: give one of them"))
			}
			header, err := parseHeaders(flags.headers)
			if err != nil {
				return fail(exitUsage, err)
			}
			err = t.call(cmd.Context(), flags, header, args)
			if err != nil && t.global.json {
				return t.failureAsJSON(err)
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && strings.ContainsAny(unknown.GetSpecifiedName(), "0123456789") {
			return fmt.Errorf("%w; a request that begins with a dash stands behind --, as in typednats call -- <endpoint> -1", err)
		}
		return err
	})
	cmd.Flags().StringArrayVarP(&flags.headers, "header", "H", nil, "a header as `key:value`; any number of them")
	cmd.Flags().BoolVar(&flags.strict, "strict", false, "send nothing unless the request fits the contract")
	cmd.Flags().BoolVar(&flags.raw, "raw", false, "send the argument as it is, whatever it is")
	cmd.Flags().BoolVar(&flags.unlisted, "unlisted", false, "send to a subject without asking who serves it")
	return cmd
}

// parseHeaders reads the headers that the user gave.
func parseHeaders(list []string) (nats.Header, error) {
	header := make(nats.Header, len(list))
	for _, text := range list {
		key, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("header %q: want key:value", text)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if err := wire.CheckHeader(key, []string{value}); err != nil {
			return nil, fmt.Errorf("header %q: %w", text, err)
		}
		header.Add(key, value)
	}
	return header, nil
}

func (t *tool) call(ctx context.Context, flags callFlags, header nats.Header, args []string) error {
	nc, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	callee, err := t.findCallee(ctx, nc, args[0], flags.unlisted)
	if err != nil {
		return err
	}
	var given []byte
	if len(args) == 2 {
		if given, err = t.readArgument(ctx, args[1]); err != nil {
			return err
		}
	}
	r := request{contentType: callee.sends, data: given}
	if !flags.raw {
		if r, err = newRequest(callee.doc, callee.sends, given, len(args) == 2, callee.example()); err != nil {
			return err
		}
	}
	for _, p := range r.problems {
		t.warnf("warning: %s", terminal.Safe(p.String()))
	}
	switch {
	case flags.strict && callee.doc == nil:
		return fail(exitUsage, fmt.Errorf("there is no contract of %s to check the request with, and --strict is set", callee.subject))
	case flags.strict && len(r.problems) > 0:
		return fail(exitUsage, errStrict)
	}
	wait := t.global.timeout
	if callee.doc != nil && callee.doc.Timeout > 0 && !flags.hasTimeout {
		wait = time.Duration(callee.doc.Timeout) * time.Millisecond
	}
	reply, err := t.send(ctx, nc, callee, header, r, wait)
	if err != nil {
		return err
	}
	return t.printReply(callee, reply)
}

// callee is who is called.
type callee struct {
	subject  string
	sends    string             // the content type of the request
	doc      *contract.Document // nil if there is no contract
	unlisted bool               // nobody was asked who serves it
}

// example returns a command that calls the endpoint.
func (c callee) example() string {
	if c.doc == nil {
		return ""
	}
	return "for example: " + exampleCall(c.subject, *c.doc)
}

// findCallee asks the services for the endpoint and its contract.
func (t *tool) findCallee(ctx context.Context, nc *nats.Conn, ref string, unlisted bool) (callee, error) {
	if unlisted {
		if err := subject.CheckConcrete(ref); err != nil {
			return callee{}, fail(exitUsage, fmt.Errorf("subject %q: %w", ref, err))
		}
		return callee{subject: ref, sends: jsonType, unlisted: true}, nil
	}
	client := t.discover(nc, max(t.global.timeout, defaultTimeout)) // --timeout is about the reply
	target, err := t.find(ctx, client, ref)
	if wire.IsRefusal(err) {
		return callee{}, fail(exitConnection, fmt.Errorf("this user may not ask who serves %s: --unlisted sends without asking: %w", ref, err))
	}
	if unknown, ok := errors.AsType[*fleet.UnknownError](err); ok && subject.CheckConcrete(ref) == nil {
		return callee{}, fail(exitNobody, fmt.Errorf("%w\nList what there is with 'typednats ls'; "+
			"--unlisted sends to a subject of which no service tells", unknown))
	}
	if err != nil {
		return callee{}, err
	}
	if subject.HasWildcard(target.Subject) {
		return callee{}, fail(exitUsage, fmt.Errorf("%s has the subject %s: say which one, with a word in the place of each wildcard",
			target.FullName(), target.Subject))
	}
	for _, other := range target.Others {
		t.warnf("warning: %s gets requests of %s, too", terminal.Safe(other.FullName()), terminal.Safe(target.Subject))
	}
	c := callee{subject: target.Subject}
	doc, err := target.Contract(ctx, client)
	switch {
	case err == nil:
		c.doc = &doc
	case errors.Is(err, fleet.ErrNoContract):
		t.logf("%s announces no contract", target.FullName())
	default:
		t.warnf("warning: the contract of %s cannot be read, so nothing is checked: %s", terminal.Safe(target.FullName()),
			terminal.Safe(err.Error()))
	}
	accepted := make([][]string, len(target.Offers))
	for i, o := range target.Offers {
		accepted[i] = o.Accepts
		if o.QueueGroup == "" {
			t.warnf("warning: %s has no queue group: each instance runs the request, and the first reply is shown",
				terminal.Safe(target.FullName()))
		}
	}
	c.sends, err = contentType(accepted)
	return c, err
}

// find asks who serves an endpoint. Somebody with exactly that subject ends the search: there is no better answer.
func (t *tool) find(ctx context.Context, client *discovery.Client, ref string) (fleet.Target, error) {
	f, err := fleet.AskUntil(ctx, client, ref)
	if err != nil {
		return fleet.Target{}, err
	}
	target, err := findIn(f, ref)
	if err == nil {
		t.logf("%s is %s", ref, target.FullName())
	}
	return target, err
}

// findIn returns the endpoint that is meant.
func findIn(f fleet.Fleet, ref string) (fleet.Target, error) {
	target, err := f.Find(ref)
	if _, ok := errors.AsType[*fleet.UnknownError](err); ok {
		return target, fail(exitNobody, err)
	}
	if err != nil {
		return target, fail(exitUsage, err)
	}
	return target, nil
}

// send sends the request and waits for the reply.
func (t *tool) send(ctx context.Context, nc *nats.Conn, c callee, header nats.Header, r request, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	facts := wire.Facts{Timeout: wait}
	if r.contentType != jsonType {
		facts.ContentType = r.contentType
	}
	t.logf("send %d bytes of %s to %s, and wait %v", len(r.data), r.contentType, c.subject, wait)
	began := time.Now()
	reply, err := exchange(ctx, nc, &nats.Msg{Subject: c.subject, Header: header, Data: r.data}, facts, c.unlisted)
	t.logf("after %v", time.Since(began).Round(time.Microsecond))
	late := fail(exitTimeout, fmt.Errorf("no reply from %s within %v: --timeout waits longer", c.subject, wait))
	switch {
	case err == nil:
		if e, failed := wire.ParseErrorReply(reply.Header); failed && e.IsTimeUp() {
			return nil, late // whoever noticed it first
		}
		return reply, nil
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fail(exitNobody, fmt.Errorf("nobody serves %s: list what there is with 'typednats ls'", c.subject))
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fail(exitUsage, fmt.Errorf("the request has %d bytes, and the server takes %d at most", len(r.data), nc.MaxPayload()))
	case errors.Is(err, nats.ErrPermissionViolation):
		return nil, fail(exitConnection, fmt.Errorf("this user may not call %s: %w", c.subject, err))
	case errors.Is(err, errStreamOnly):
		return nil, fail(exitTimeout, fmt.Errorf("no reply from %s within %v, only a stream has stored the request: %w", c.subject, wait, err))
	case errors.Is(err, context.DeadlineExceeded):
		return nil, late
	case errors.Is(err, context.Canceled):
		return nil, fail(exitTimeout, errors.New("interrupted; the service was told so"))
	default:
		return nil, err
	}
}

// exampleCall returns a command that calls an endpoint, to be pasted into a shell.
func exampleCall(to string, doc contract.Document) string {
	return example.Call(subject.Fill(to, anyToken), doc, example.Request(doc), terminal.Safe)
}

// anyToken stands for a wildcard in examples, which can be run as they are.
const anyToken = "any"

// errorLine is a service's error on one line.
func errorLine(e wire.ErrorReply) string {
	text := "error"
	if e.Type != "" {
		text += " " + terminal.Safe(e.Type)
	}
	text += fmt.Sprintf(" (%d): %s", e.Code, terminal.Safe(cmp.Or(e.Description, "no description")))
	if e.Refused != "" {
		text += fmt.Sprintf(" (refused: %s; the handler did not run)", terminal.Safe(string(e.Refused)))
	}
	return text
}
