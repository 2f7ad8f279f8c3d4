package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/cmd/typednats/internal/typetext"
	"github.com/typednats/typednats/contract"
)

func newDescribeCommand(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "describe <endpoint>",
		Short: "Say what an endpoint takes and returns",
		Long: `Say what an endpoint takes and returns: its request, its reply and its declared errors as types, and
a call to try.

The endpoint is a subject, service.endpoint, or the name of an endpoint that only one service has.`,
		Args:              takes(1, 1),
		ValidArgsFunction: t.completeEndpoint(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			nc, err := t.connect(ctx)
			if err != nil {
				return err
			}
			defer nc.Close()
			client := t.discover(nc, t.global.timeout)
			f, err := fleet.Ask(ctx, client, "")
			if err != nil {
				return err
			}
			target, err := findIn(f, args[0])
			if err != nil {
				return err
			}
			doc, err := target.Contract(ctx, client)
			d := description{target: target, doc: &doc}
			if err != nil {
				d.doc = nil
				if !errors.Is(err, fleet.ErrNoContract) {
					t.warnf("warning: %s", terminal.Safe(err.Error()))
				}
			}
			if t.global.json {
				return t.printJSON(d.describedJSON())
			}
			t.printf("%s\n", strings.Join(d.lines(), "\n"))
			return nil
		},
	}
}

// description is an endpoint with its contract, which is nil if there is none.
type description struct {
	target fleet.Target
	doc    *contract.Document
}

type describedEndpoint struct {
	Service string `json:"service"`
	listedEndpoint

	Contract json.RawMessage `json:"contract,omitempty"`
	Example  string          `json:"example"`
}

func (d description) describedJSON() describedEndpoint {
	out := describedEndpoint{Service: d.target.Service, listedEndpoint: listEndpoint(d.target.Endpoint), Example: d.example()}
	if d.doc != nil {
		out.Contract = d.doc.Bytes()
	}
	return out
}

// example returns a call to try.
func (d description) example() string {
	if d.doc == nil {
		return exampleCall(d.target.Subject, contract.Document{})
	}
	return exampleCall(d.target.Subject, *d.doc)
}

// lines returns the description for people.
func (d description) lines() []string {
	e := d.target
	lines := []string{terminal.Safe(e.Endpoint.Subject)}
	if d.doc != nil && d.doc.Description != "" {
		for text := range strings.SplitSeq(strings.TrimSpace(d.doc.Description), "\n") {
			lines = append(lines, "  "+terminal.Safe(text))
		}
	}
	lines = append(lines, "")
	lines = append(lines, d.facts().Lines()...)
	if d.doc != nil && len(e.Offers) > 1 {
		kind := 1 + slices.IndexFunc(e.Offers, func(o fleet.Offer) bool { return o.Digest != "" })
		lines = append(lines, "", fmt.Sprintf("What follows is the contract of kind %d.", kind))
	}
	isAnnounced := slices.ContainsFunc(e.Offers, func(o fleet.Offer) bool { return o.Digest != "" })
	switch {
	case d.doc != nil:
		lines = append(lines, d.types()...)
	case isAnnounced:
		lines = append(lines, "", "The contract cannot be read: what it takes and returns is not known.")
	default:
		lines = append(lines, "", "No contract is announced: what it takes and returns is not known.")
	}
	lines = append(lines, "", "example", "  "+d.example())
	if d.doc != nil {
		for _, example := range d.doc.Examples {
			if len(example.Reply) > 0 {
				lines = append(lines, "  "+terminal.Safe(string(example.Reply)))
				break
			}
		}
	}
	return lines
}

// facts returns what is known of the endpoint apart from its types.
func (d description) facts() *terminal.Table {
	e := d.target
	table := new(terminal.Table)
	if d.doc != nil && d.doc.Deprecated != "" {
		table.Add("deprecated", d.doc.Deprecated)
	}
	table.Add("service", e.Service)
	table.Add("endpoint", e.Name)
	for i, o := range e.Offers {
		of := ""
		if len(e.Offers) > 1 {
			of = fmt.Sprintf(", kind %d", i+1)
		}
		table.Add("instances"+of, fmt.Sprintf("%d of version %s", len(o.Instances), strings.Join(o.Versions, ", ")))
		table.Add("contract"+of, cmp.Or(o.Digest, "none"))
		table.Add("accepts"+of, strings.Join(o.Accepts, ", "))
		table.Add("queue group"+of, cmp.Or(o.QueueGroup, "none: each instance gets each request"))
		for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
			table.Add("metadata"+of, key+"="+o.Metadata[key])
		}
	}
	for _, other := range e.Others {
		table.Add("shares requests with", other.FullName())
	}
	if d.doc != nil {
		if d.doc.Idempotent {
			table.Add("idempotent", "it may be called again")
		}
		if d.doc.Timeout > 0 {
			table.Add("timeout", fmt.Sprintf("%d ms", d.doc.Timeout))
		}
	}
	return table
}

// types returns the bodies as types, as JSON if the endpoint takes that.
func (d description) types() []string {
	doc := d.doc
	shown := jsonType
	if len(doc.ContentTypes) > 0 && !slices.Contains(doc.ContentTypes, jsonType) {
		shown = doc.ContentTypes[0]
	}
	schema := func(s contract.Schema, ok bool) *contract.Schema {
		if !ok {
			return nil
		}
		return &s
	}
	w := typetext.New(doc.Defs)
	lines := []string{""}
	w.Body("request", schema(doc.RequestSchema(shown)), 0)
	lines = append(append(lines, w.Lines()...), "")
	w.Body("reply", schema(doc.ReplySchema(shown)), 0)
	lines = append(lines, w.Lines()...)
	if len(doc.Errors) > 0 {
		lines = append(lines, "", "errors")
		for _, e := range doc.Errors {
			title := terminal.Safe(e.Tag)
			if e.Code > 0 {
				title += fmt.Sprintf(" (%d)", e.Code)
			}
			w.Body(title, schema(doc.ErrorSchema(shown, e.Tag)), 2)
			lines = append(lines, w.Lines()...)
		}
	}
	w.Types(2)
	if types := w.Lines(); len(types) > 0 {
		lines = append(append(lines, "", "types"), types...)
	}
	return lines
}
