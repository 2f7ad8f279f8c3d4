package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/contractfile"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
)

const contractFiles = `A file holds one contract, an array of them, or what contracttest.Golden keeps.`

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
		RunE: func(_ *cobra.Command, args []string) error {
			old, err := contractfile.Read(args[0])
			if err != nil {
				return fail(exitUsage, err)
			}
			changed, err := contractfile.Read(args[1])
			if err != nil {
				return fail(exitUsage, err)
			}
			return t.report(contract.DiffAll(old, changed), failOn, "nothing has changed that anybody notices")
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
			docs, err := contractfile.Read(args...)
			if err != nil {
				return fail(exitUsage, err)
			}
			findings, err := t.check(cmd.Context(), docs)
			if err != nil {
				return err
			}
			return t.report(findings, failOn, fmt.Sprintf("the services fit %d contracts", len(docs)))
		},
	}
	t.addFailOn(cmd, &failOn)
	return cmd
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
