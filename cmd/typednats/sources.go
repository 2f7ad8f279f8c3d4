package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
)

// sources says where contracts come from, and where what is made of them goes.
type sources struct {
	from  []string
	name  string
	out   string
	check bool
}

const sourcesHelp = `Contracts come from files, as contracttest.Golden keeps them, or from the services that run:

  --from inventory.json    a document, an array of them, or a file of contracttest.Golden
  --from -                 the same from standard input
  --from fleet/inventory   the service inventory
  --from fleet             all services

With --check nothing is written: exit code 6 says that what is there is not what would be written.`

func (s *sources) register(t *tool, cmd *cobra.Command, out string) {
	flags := cmd.Flags()
	flags.StringArrayVar(&s.from, "from", nil, "where contracts come `from`: a file, -, fleet or fleet/service; several times for several")
	flags.StringVar(&s.name, "name", "", "the `name` of what is made, in place of that of the file or the service")
	flags.StringVarP(&s.out, "output", "o", "", out)
	flags.BoolVar(&s.check, "check", false, "write nothing, and fail if what is there is stale")
	t.completeFlag(cmd, "from", t.completeSource)
}

// completeSource completes where contracts come from: services, or else files, which the shell knows.
func (t *tool) completeSource(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	service, isFleet := strings.CutPrefix(begun, "fleet/")
	switch {
	case isFleet:
		names, directive := t.completeService(cmd, nil, service)
		for i, name := range names {
			names[i] = "fleet/" + name
		}
		return names, directive
	case begun == "fl", begun == "fle", begun == "flee", begun == "fleet":
		return []cobra.Completion{"fleet", "fleet/"}, cobra.ShellCompDirectiveNoSpace
	default:
		return nil, cobra.ShellCompDirectiveDefault
	}
}

// contracts reads the contracts.
func (t *tool) contracts(ctx context.Context, s sources) ([]endpoints.Set, error) {
	if len(s.from) == 0 {
		return nil, fail(exitUsage, errors.New("--from is missing: a file with contracts, or fleet/service"))
	}
	if s.check && s.out == "" {
		return nil, fail(exitUsage, errors.New("--check needs -o: what is compared"))
	}
	var sets []endpoints.Set
	for _, from := range s.from {
		found, err := t.contractsFrom(ctx, from)
		if err != nil {
			return nil, err
		}
		sets = append(sets, found...)
	}
	if s.name != "" && len(sets) > 1 {
		return nil, fail(exitUsage, fmt.Errorf("--name is for one set of contracts, and there are %d", len(sets)))
	}
	if s.name != "" {
		sets[0].Name = s.name
	}
	return sets, nil
}

func (t *tool) contractsFrom(ctx context.Context, from string) ([]endpoints.Set, error) {
	if service, isFleet := strings.CutPrefix(from+"/", "fleet/"); isFleet {
		return t.contractsOf(ctx, strings.TrimSuffix(service, "/"))
	}
	read := func() (endpoints.Set, error) { return endpoints.ReadFile(from) }
	if from == "-" {
		read = func() (endpoints.Set, error) { return endpoints.Read("contracts", "standard input", t.stdin) }
	}
	set, err := read()
	if err != nil {
		return nil, fail(exitUsage, err)
	}
	return []endpoints.Set{set}, nil
}

// contractsOf fetches the contracts of a service, or of all.
func (t *tool) contractsOf(ctx context.Context, service string) ([]endpoints.Set, error) {
	nc, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	client := t.discover(nc, t.global.timeout)
	f, err := fleet.Ask(ctx, client, service)
	if err != nil {
		return nil, err
	}
	if len(f.Services) == 0 {
		return nil, fail(exitNobody, fmt.Errorf("no service answers to the name %q", service))
	}
	sets, err := endpoints.Fetch(ctx, client, f, func(why string) { t.warnf("left out: %s", why) })
	switch {
	case errors.Is(err, endpoints.ErrEmpty):
		return nil, fail(exitNobody, err)
	case errors.Is(err, endpoints.ErrVersions):
		return nil, fail(exitService, err)
	}
	return sets, err
}

// file is one that is made.
type file struct {
	path string
	text []byte
	// stale says why what is there is not this, if the file knows better than that it differs.
	stale func(kept []byte) []string
}

// deliver writes files, or compares what is there with them. A path that is empty is standard output.
func (t *tool) deliver(check bool, files ...file) error {
	var stale []error
	for _, f := range files {
		switch {
		case check:
			if err := f.compare(); err != nil {
				stale = append(stale, err)
			}
		case f.path == "":
			t.printf("%s", f.text)
		default:
			if err := write(f.path, f.text); err != nil {
				return fail(exitUsage, err)
			}
			t.logf("wrote %s", f.path)
		}
	}
	if len(stale) > 0 {
		return fail(exitBreaking, fmt.Errorf("%w\nMake it again without --check", errors.Join(stale...)))
	}
	return nil
}

func (f file) compare() error {
	kept, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not there", f.path)
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	why := f.stale
	if why == nil {
		why = differs(f.text)
	}
	if list := why(kept); len(list) > 0 {
		return fmt.Errorf("%s is stale: %s", f.path, strings.Join(list, "; "))
	}
	return nil
}

// differs returns a comparison that does not care how lines end.
func differs(made []byte) func(kept []byte) []string {
	return func(kept []byte) []string {
		if strings.ReplaceAll(string(kept), "\r\n", "\n") == string(made) {
			return nil
		}
		return []string{"the contracts, words in them or the version of this command have changed"}
	}
}

// write writes a file and the folders around it. Nobody sees half of it.
func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is kept with the user's code
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".typednats-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
