package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

// defaultTimeout is how long the command waits for a connection, for a reply, and for answers to its questions.
const defaultTimeout = 5 * time.Second

// run runs the command with its arguments and returns its exit code.
func run(ctx context.Context, t *tool, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			t.warnf("typednats: this is a bug: %v\n%s", p, debug.Stack())
			code = exitBug
		}
	}()
	root := newRootCommand(t)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if t.stdout.err != nil {
		err = fail(exitUsage, fmt.Errorf("write the output: %w", t.stdout.err))
	}
	if err == nil {
		return exitOK
	}
	if !t.begun {
		err = fail(exitUsage, fmt.Errorf("%w\nRun '%s --help' to see what there is", err, cmd.CommandPath()))
	}
	if _, ok := errors.AsType[*failure](err); !ok && errors.Is(err, nats.ErrPermissionViolation) {
		err = fail(exitConnection, fmt.Errorf("%w\nTo ask who is there, a user must be allowed to publish to $SRV.>, and to subscribe to its inbox", err))
	}
	if errors.Is(err, context.Canceled) {
		err = fail(exitTimeout, errors.New("interrupted"))
	}
	if f, ok := errors.AsType[*failure](err); !ok || !f.shown {
		t.warnf("typednats: %s", terminal.SafeText(err.Error()))
	}
	return exitCode(err)
}

func newRootCommand(t *tool) *cobra.Command {
	root := &cobra.Command{
		Use:   "typednats",
		Short: "See, call and compare typed endpoints on NATS",
		Long: `See, call and compare typed endpoints on NATS.

Services of any NATS library that speak the service protocol (ADR-32) are found. Those that publish
their contracts, as those made with typednats do, are described and called with their types.

The connection is that of the nats tool: --server or NATS_URL, else --context, NATS_CONTEXT or the
selected context, else a server on this machine.

` + exitHelp,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := t.global.validate(); err != nil {
				return err
			}
			t.begun = true
			return nil
		},
	}
	root.SetIn(t.stdin)
	root.SetOut(t.stdout)
	root.SetErr(t.stderr)
	t.global.register(root.PersistentFlags())
	t.completeFlag(root, "context", t.completeContext)
	t.completeFlag(root, "color", oneOfThese("auto", "always", "never"))
	root.AddCommand(newListCommand(t), newDescribeCommand(t), newCallCommand(t), newCheckCommand(t), newDiffCommand(t),
		newGenerateCommand(t), newDocsCommand(t), newTopCommand(t), newMetricsCommand(t), newExploreCommand(t))
	return root
}

// version is that of the module that the command was built of. Of a clone it is what go knows of it, (devel) at least.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

// takes returns the check of a command's arguments: how many there may be.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("want: typednats %s", cmd.Use)
		}
		return nil
	}
}
