package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/contract"
)

// levelFlag is a flag that is a level of findings.
type levelFlag struct{ level *contract.Level }

// String implements pflag.Value.
func (f *levelFlag) String() string {
	if f.level == nil {
		return ""
	}
	return f.level.String()
}

// Set implements pflag.Value.
func (f *levelFlag) Set(text string) error {
	switch text {
	case contract.Breaking.String():
		*f.level = contract.Breaking
	case contract.Warning.String():
		*f.level = contract.Warning
	default:
		return errors.New("want breaking or warning")
	}
	return nil
}

// Type implements pflag.Value.
func (*levelFlag) Type() string { return "level" }

// addFailOn adds the flag --fail-on.
func (t *tool) addFailOn(cmd *cobra.Command, level *contract.Level) {
	const name = "fail-on"
	cmd.Flags().Var(&levelFlag{level}, name, "`level` of what ends the command with 6: breaking or warning")
	t.completeFlag(cmd, name, oneOfThese(contract.Breaking.String(), contract.Warning.String()))
}

// report prints findings, and fails if one of them is of a level or worse. fine is said if there are none.
func (t *tool) report(findings []contract.Finding, failOn contract.Level, fine string) error {
	counts := make(map[contract.Level]int)
	failed := false
	for _, f := range findings {
		counts[f.Level]++
		failed = failed || f.Level >= failOn
	}
	summary := fmt.Sprintf("%d breaking, %d warning, %d for information",
		counts[contract.Breaking], counts[contract.Warning], counts[contract.Info])
	switch {
	case t.global.json:
		if findings == nil {
			findings = []contract.Finding{}
		}
		if err := t.printJSON(map[string]any{"failed": failed, "findings": findings}); err != nil {
			return err
		}
	case len(findings) == 0:
		t.printf("%s\n", fine)
	default:
		lines := t.findingsTable(findings).Lines()
		t.printf("%s\n", lines[0])
		for i, f := range findings {
			t.printf("%s\n", lines[i+1])
			for _, text := range explain(f) {
				t.printf("    %s\n", terminal.Safe(text))
			}
		}
		t.printf("%s\n", summary)
	}
	if failed {
		return &failure{code: exitBreaking, err: errors.New(summary), shown: true}
	}
	return nil
}

func (t *tool) findingsTable(findings []contract.Finding) *terminal.Table {
	table := t.table()
	head := table.Style
	if head != nil {
		table.Style = func(row, column int, cell string) string {
			if row == 0 || column != 0 {
				return head(row, column, cell)
			}
			switch findings[row-1].Level {
			case contract.Breaking:
				return terminal.Red + cell + terminal.Plain
			case contract.Warning:
				return terminal.Yellow + cell + terminal.Plain
			default:
				return terminal.Dim + cell + terminal.Plain
			}
		}
	}
	table.Add("LEVEL", "ENDPOINT", "WHERE", "RULE", "HURTS")
	for _, f := range findings {
		hurts := string(f.Hurt)
		if f.Rollout != "" {
			hurts += ", " + string(f.Rollout)
		}
		table.Add(f.Level.String(), f.Endpoint, f.Path, string(f.Rule), hurts)
	}
	return table
}

// maxInstances is how many instances of a finding are named.
const maxInstances = 4

// explain returns what a finding says in sentences: what was found, where, and what to do.
func explain(f contract.Finding) []string {
	lines := []string{f.Message}
	if n := len(f.Instances); n > 0 {
		on := "on " + strings.Join(f.Instances[:min(n, maxInstances)], ", ")
		if n > maxInstances {
			on += fmt.Sprintf(" and %d more", n-maxInstances)
		}
		lines = append(lines, on)
	}
	switch {
	case f.Accepted != "":
		lines = append(lines, "accepted: "+f.Accepted)
	case f.Advice != "":
		lines = append(lines, f.Advice)
	}
	return lines
}
