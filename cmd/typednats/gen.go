package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/jsonschema"
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
	cmd.AddCommand(newTypeScriptCommand(t), newSchemaCommand(t))
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
	return fail(exitUsage, fmt.Errorf("%s: %w", cmd.Name(), want))
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
	s.register(t, cmd, "the `file` that is written, in place of standard output")
	cmd.Flags().StringVar(&int64s, "int64", int64s, "what integers of 64 bits are: number, which rounds beyond 2^53, or bigint")
	t.completeFlag(cmd, "int64", oneOfThese(string(tsgen.Number), string(tsgen.Bigint)))
	return cmd
}

func newSchemaCommand(t *tool) *cobra.Command {
	var s sources
	cmd := &cobra.Command{
		Use:   "jsonschema",
		Short: "Write JSON Schemas, of which tools make types in most languages",
		Long: `Write a JSON Schema (2020-12) for each endpoint, with its request, its reply and its errors. Tools for
most languages make types of them. With several services each has a folder of its own.

` + sourcesHelp,
		Example: "  typednats gen jsonschema --from testdata/inventory.json -o schemas",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.out == "" {
				return fail(exitUsage, errors.New("-o is missing: the folder for the schemas"))
			}
			sets, err := t.contracts(cmd.Context(), s)
			if err != nil {
				return err
			}
			files, err := schemaFiles(sets, s.out)
			if err != nil {
				return err
			}
			err = t.deliver(s.check, files...)
			if s.check {
				err = errors.Join(err, leftOver(files))
			}
			return err
		},
	}
	s.register(t, cmd, "the `folder` that the schemas are written into")
	return cmd
}

// schemaFiles returns the schemas of all endpoints.
func schemaFiles(sets []endpoints.Set, folder string) ([]file, error) {
	var files []file
	folders := endpoints.Names{Fold: strings.ToLower, Between: "-"}
	for _, set := range sets {
		where := folder
		if len(sets) > 1 {
			where = filepath.Join(folder, folders.Take(jsonschema.FileName(set.Name)))
		}
		for _, e := range set.Endpoints {
			name, text, err := jsonschema.Of(e)
			if err != nil {
				return nil, err
			}
			files = append(files, file{path: filepath.Join(where, name), text: text})
		}
	}
	return files, nil
}

// leftOver returns an error if there are schemas beside the given ones that were written for endpoints which are gone.
func leftOver(files []file) error {
	known := map[string]bool{}
	var folders []string
	for _, f := range files {
		known[f.path] = true
		folders = append(folders, filepath.Dir(f.path))
	}
	slices.Sort(folders)
	var gone []error
	for _, folder := range slices.Compact(folders) {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, os.ErrNotExist) {
			continue // its files are missing, which was said
		}
		if err != nil {
			return fail(exitUsage, err)
		}
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if known[path] || filepath.Ext(path) != ".json" {
				continue
			}
			data, err := os.ReadFile(path) //nolint:gosec // the user names the folder
			if err == nil && strings.Contains(string(data), `"`+jsonschema.Mark+`"`) {
				gone = append(gone, fmt.Errorf("%s is of an endpoint that is not in the contracts any more: remove it", path))
			}
		}
	}
	if len(gone) > 0 {
		return fail(exitBreaking, errors.Join(gone...))
	}
	return nil
}
