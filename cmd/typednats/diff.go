package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/contractfile"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
)

const contractFiles = `A file holds one contract, an array of them, or what contracttest.Golden keeps; - is standard input.`

func newDiffCommand(t *tool) *cobra.Command {
	failOn := contract.Breaking
	cmd := &cobra.Command{
		Use:   "diff <old.json> <new.json>",
		Short: "Say what a change of contracts breaks",
		Long: `Say what a change of contracts breaks, for both orders of rollout: old clients that meet the new
service, and new clients that meet the old one. No server is needed.

` + contractFiles + `
The command ends with 6 if something breaks, or with --fail-on warning if something may.`,
		Args: takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := t.readContracts(cmd.Context(), args)
			if err != nil {
				return err
			}
			return t.report(contract.DiffAll(files[0], files[1]), failOn, "nothing has changed that anybody notices")
		},
	}
	t.addFailOn(cmd, &failOn)
	return cmd
}

func newCheckCommand(t *tool) *cobra.Command {
	failOn := contract.Breaking
	cmd := &cobra.Command{
		Use:   "check <contract.json>...",
		Short: "Say whether the running services fit contracts",
		Long: `Say whether the running services fit the contracts that clients were made with: who is missing,
who was made with another contract and what that breaks, who accepts other content types.

` + contractFiles + `
The command ends with 6 if something breaks, or with --fail-on warning if something may.`,
		Args: takes(1, maxFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := t.readContracts(cmd.Context(), args)
			if err != nil {
				return err
			}
			docs := slices.Concat(files...)
			findings, err := t.check(cmd.Context(), docs)
			if err != nil {
				return err
			}
			return t.report(findings, failOn, fmt.Sprintf("the services fit %s", counted(len(docs), "contract")))
		},
	}
	t.addFailOn(cmd, &failOn)
	return cmd
}

// counted returns a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// readContracts reads the contracts in each of several files, of which one may be standard input.
func (t *tool) readContracts(ctx context.Context, paths []string) ([][]contract.Document, error) {
	files := make([][]contract.Document, len(paths))
	isRead := false
	for i, path := range paths {
		var err error
		switch {
		case path != "-":
			files[i], err = contractfile.Read(path)
		case isRead:
			err = errors.New("standard input can be read once: - is there twice")
		default:
			isRead = true
			data, inputErr := t.readInput(ctx)
			if inputErr != nil {
				return nil, inputErr
			}
			if files[i], err = contractfile.Parse(data); err != nil {
				err = fmt.Errorf("standard input: %w", err)
			}
		}
		if err != nil {
			return nil, fail(exitUsage, err)
		}
	}
	return files, nil
}

// maxFiles is how many files check takes: as many as a command line has room for.
const maxFiles = 1 << 20

func (t *tool) check(ctx context.Context, docs []contract.Document) ([]contract.Finding, error) {
	nc, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	var findings []contract.Finding
	for finding, err := range discovery.Check(ctx, t.discover(nc, t.global.timeout), docs...) {
		if err != nil {
			return nil, err
		}
		findings = append(findings, finding)
	}
	return findings, nil
}
