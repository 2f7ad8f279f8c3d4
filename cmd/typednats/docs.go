package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/asyncapi"
	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/markdown"
)

func newDocsCommand(t *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Write documentation, for people and for tools",
		Long:  "Write documentation of endpoints, for people and for tools.\n\n" + sourcesHelp,
		Args:  cobra.ArbitraryArgs,
		RunE:  oneOf,
	}
	cmd.AddCommand(newMarkdownCommand(t), newAsyncAPICommand(t))
	return cmd
}

func newMarkdownCommand(t *tool) *cobra.Command {
	var s sources
	cmd := &cobra.Command{
		Use:     "markdown",
		Short:   "Write a page for people",
		Long:    "Write a page for people: each endpoint with its errors and examples, and the types.\n\n" + sourcesHelp,
		Example: "  typednats docs markdown --from fleet/inventory -o docs/inventory.md",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sets, err := t.contracts(cmd.Context(), s)
			if err != nil {
				return err
			}
			return t.deliver(s.check, file{path: s.out, text: markdown.Page(titleOf(sets), sets)})
		},
	}
	s.register(t, cmd, "the `file` that is written, in place of standard output")
	return cmd
}

func newAsyncAPICommand(t *tool) *cobra.Command {
	var s sources
	version := ""
	cmd := &cobra.Command{
		Use:   "asyncapi",
		Short: "Write an AsyncAPI document",
		Long: `Write an AsyncAPI 3.1 document, as JSON. Contracts have no version, so it is given with --api-version.

` + sourcesHelp,
		Example: "  typednats docs asyncapi --from fleet/inventory --api-version 1.4.0 -o docs/inventory.asyncapi.json",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sets, err := t.contracts(cmd.Context(), s)
			if err != nil {
				return err
			}
			text, err := asyncapi.Document(titleOf(sets), version, sets)
			if err != nil {
				return err
			}
			return t.deliver(s.check, file{path: s.out, text: text})
		},
	}
	s.register(t, cmd, "the `file` that is written, in place of standard output")
	cmd.Flags().StringVar(&version, "api-version", "0.0.0", "the `version` of what is documented")
	return cmd
}

// titleOf names what is documented.
func titleOf(sets []endpoints.Set) string {
	names := make([]string, len(sets))
	for i, set := range sets {
		names[i] = set.Name
	}
	return strings.Join(names, ", ")
}
