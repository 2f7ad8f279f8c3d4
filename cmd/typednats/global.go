package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// register adds the global flags. What the environment says is their default.
func (g *globalFlags) register(t *tool, flags *pflag.FlagSet) {
	flags.StringVarP(&g.server, "server", "s", t.getenv("NATS_URL"), "`url`s of the server, with commas in between (NATS_URL)")
	flags.StringVar(&g.context, "context", t.getenv("NATS_CONTEXT"), "a saved context of the nats tool, by `name` (NATS_CONTEXT)")
	flags.StringVar(&g.creds, "creds", t.getenv("NATS_CREDS"), "a `file` with credentials (NATS_CREDS)")
	flags.StringVar(&g.nkey, "nkey", t.getenv("NATS_NKEY"), "a `file` with the seed of an nkey (NATS_NKEY)")
	flags.DurationVar(&g.timeout, "timeout", defaultTimeout, "how long to wait for a connection, a reply and answers")
	flags.BoolVar(&g.json, "json", false, "print JSON")
	flags.StringVar(&g.color, "color", "auto", "auto, always or never; auto looks at the terminal and at NO_COLOR")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "say what is done, on standard error")
}

func (g *globalFlags) validate() error {
	switch g.color {
	case "auto", "always", "never":
	default:
		return fmt.Errorf("--color is auto, always or never, not %q", g.color)
	}
	if g.timeout <= 0 {
		return fmt.Errorf("--timeout must be more than zero, not %v", g.timeout)
	}
	return nil
}
