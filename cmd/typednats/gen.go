package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/tsgen"
)

func newGenerateCommand(t *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Write clients and schemas for other languages",
		Long:  "Write clients and schemas for other languages.\n\n" + sourcesHelp,
		Args:  cobra.ArbitraryArgs,
		RunE:  oneOf,
	}
	cmd.AddCommand(newTypeScriptCommand(t))
	return cmd
}

// oneOf is run by a command that has others below it and was not given one of them.
func oneOf(cmd *cobra.Command, args []string) error {
	var names []string
	for _, below := range cmd.Commands() {
		names = append(names, below.Name())
	}
	want := fmt.Errorf("want one of: %s", strings.Join(names, ", "))
	if len(args) > 0 {
		want = fmt.Errorf("there is no %q; %w", args[0], want)
	}
	return fail(exitUsage, fmt.Errorf("%s: %w", cmd.CommandPath(), want))
}

func newTypeScriptCommand(t *tool) *cobra.Command {
	var s sources
	int64s := string(tsgen.Number)
	cmd := &cobra.Command{
		Use:   "typescript",
		Short: "Write a client in TypeScript",
		Long: `Write a client in TypeScript: one file with the types and a class for each service, which needs
@nats-io/nats-core and nothing else. It sends JSON; what does not accept that is left out, and the
compiler says so where it is used.

` + sourcesHelp,
		Example: `  typednats gen typescript --from testdata/inventory.json -o web/inventory.ts
  typednats gen typescript --from fleet/inventory -o web/inventory.ts --int64=bigint
  typednats gen typescript --from testdata/inventory.json -o web/inventory.ts --check`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind := tsgen.Int64(int64s)
			if kind != tsgen.Number && kind != tsgen.Bigint {
				return fail(exitUsage, fmt.Errorf("--int64 is number or bigint, not %q", int64s))
			}
			sets, err := t.contracts(cmd.Context(), s)
			if err != nil {
				return err
			}
			made, err := tsgen.Generate(sets, kind)
			if err != nil {
				return fail(exitUsage, err)
			}
			for _, why := range made.Left {
				t.warnf("left out: %s", why)
			}
			return t.deliver(s.check, file{path: s.out, text: made.Text, stale: func(kept []byte) []string {
				return tsgen.Stale(kept, made.Text)
			}})
		},
	}
	s.register(cmd.Flags(), "the `file` that is written, in place of standard output")
	cmd.Flags().StringVar(&int64s, "int64", int64s, "what integers of 64 bits are: number, which rounds beyond 2^53, or bigint")
	return cmd
}
