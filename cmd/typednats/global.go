package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/pflag"
)

// register adds the global flags. Help shows their defaults, so those that the environment has are not among them: a
// URL may hold a password. See [tool.setting].
func (g *globalFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&g.server, "server", "s", "", "`url`s of the server, with commas in between (NATS_URL)")
	flags.StringVar(&g.context, "context", "", "a saved context of the nats tool, by `name` (NATS_CONTEXT)")
	flags.StringVar(&g.creds, "creds", "", "a `file` with credentials (NATS_CREDS)")
	flags.StringVar(&g.nkey, "nkey", "", "a `file` with the seed of an nkey (NATS_NKEY)")
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

// setting returns what a flag says or, without it, a variable of the environment.
func (t *tool) setting(flag, variable string) string { return cmp.Or(flag, t.getenv(variable)) }
