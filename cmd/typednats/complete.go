package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/shellword"
	"github.com/typednats/typednats/internal/subject"
)

// The bounds of the time for what a shell asks while somebody types.
const (
	completionWait  = 500 * time.Millisecond
	completionStall = 150 * time.Millisecond
	completionFresh = 30 * time.Second // how long an answer is kept
)

// completeFlag has the values of a flag completed.
func (t *tool) completeFlag(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		t.logf("%v", err) // there is such a flag
	}
}

// oneOfThese completes words that are always the same.
func oneOfThese(words ...cobra.Completion) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completeEndpoint completes the first argument as an endpoint: by subject, else by service and name, else by name.
func (t *tool) completeEndpoint(withWildcards bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault // a file, perhaps
		}
		f := t.fleetForCompletion(cmd.Context())
		for _, form := range []func(fleet.Endpoint) string{
			func(e fleet.Endpoint) string { return e.Subject }, fleet.Endpoint.FullName, func(e fleet.Endpoint) string { return e.Name },
		} {
			var found []cobra.Completion
			for _, e := range f.Endpoints {
				text := form(e)
				if !strings.HasPrefix(text, begun) || !isWord(text) || !withWildcards && subject.HasWildcard(e.Subject) {
					continue
				}
				about := e.FullName()
				if about == text {
					about = e.Subject
				}
				found = append(found, cobra.CompletionWithDesc(text, terminal.Safe(about)))
			}
			if len(found) > 0 {
				return found, cobra.ShellCompDirectiveNoFileComp
			}
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeService completes the first argument as the name of a service.
func (t *tool) completeService(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, s := range t.fleetForCompletion(cmd.Context()).Services {
		if strings.HasPrefix(s.Name, begun) && isWord(s.Name) {
			found = append(found, cobra.CompletionWithDesc(s.Name, terminal.Safe(s.Instances[0].Description)))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeContext completes the name of a saved context.
func (t *tool) completeContext(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, err := natscontext.NewRegistry(natscontext.NewFileBackendAt(t.configDir())).List(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, name := range names {
		if strings.HasPrefix(name, begun) {
			found = append(found, name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// isWord reports whether text is a word that may be proposed. Names come from strangers.
func isWord(text string) bool {
	text = strings.Map(func(r rune) rune {
		if r == '*' || r == '>' {
			return 'x'
		}
		return r
	}, text)
	return shellword.IsPlain(text)
}

// fleetForCompletion returns who is there, from an answer that was kept or a new one, or nobody if that takes too long.
func (t *tool) fleetForCompletion(ctx context.Context) fleet.Fleet {
	path := t.completionCache()
	if infos, ok := readKept(path); ok {
		return fleet.New(infos)
	}
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	answered := make(chan []micro.Info, 1)
	go func() { // it ends soon after the wait, and with the process at the latest
		nc, err := t.connect(ctx, nats.NoReconnect(), nats.Timeout(completionWait))
		if err != nil {
			answered <- nil
			return
		}
		defer nc.Close()
		infos, err := discovery.New(nc, discovery.WithMaxWait(completionWait), discovery.WithStall(completionStall)).Info(ctx)
		if err == nil {
			keep(path, infos)
		}
		answered <- infos
	}()
	select {
	case infos := <-answered:
		return fleet.New(infos)
	case <-ctx.Done():
		return fleet.Fleet{}
	}
}

// completionCache is the file in which the answer of the services is kept, or empty if there is no place for one.
func (t *tool) completionCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	selected := ""
	name := t.setting(t.global.context, "NATS_CONTEXT")
	if name == "" {
		selected, _ = natscontext.NewFileBackendAt(t.configDir()).Selected(context.Background()) // none is selected: that is fine
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		t.setting(t.global.server, "NATS_URL"), name, selected, t.setting(t.global.creds, "NATS_CREDS"), t.setting(t.global.nkey, "NATS_NKEY"),
	}, "\x00")))
	return filepath.Join(dir, "typednats", "services-"+hex.EncodeToString(sum[:8])+".json")
}

// readKept returns the answer that a file has, if it is fresh.
func readKept(path string) ([]micro.Info, bool) {
	stat, err := os.Stat(path)
	if err != nil || time.Since(stat.ModTime()) > completionFresh || time.Since(stat.ModTime()) < 0 {
		return nil, false
	}
	data, err := os.ReadFile(path) //nolint:gosec // it is our own file
	if err != nil {
		return nil, false
	}
	var infos []micro.Info
	return infos, json.Unmarshal(data, &infos) == nil
}

// keep writes an answer into a file, for others to find it whole or not at all. What goes wrong costs time only.
func keep(path string, infos []micro.Info) {
	data, err := json.Marshal(infos)
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "services-*")
	if err != nil {
		return
	}
	_, err = file.Write(data)
	if closeErr := file.Close(); err != nil || closeErr != nil || os.Rename(file.Name(), path) != nil {
		_ = os.Remove(file.Name())
	}
}
