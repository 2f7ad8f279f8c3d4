package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nkeys"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/natsserver"
)

// startServerWith starts a server with options that ends with the test.
func startServerWith(t *testing.T, opts *server.Options) *natsserver.Server {
	t.Helper()
	server, err := natsserver.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// expect runs command lines and checks how they end and what they show.
func (s *shell) expect(t *testing.T, code int, text, line string) {
	t.Helper()
	if shown, got := s.run(t, line); got != code || !strings.Contains(shown, text) {
		t.Errorf("%s: %d, want %d and %q:\n%s", line, got, code, text, shown)
	}
}

func TestSavedContexts(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	startMicro(t, connectTo(t, server))
	s := newShell(t, "nats://127.0.0.1:1")
	s.write(t, "nats/context/dev.json", []byte(`{"url":"`+server.ClientURL()+`"}`))
	s.write(t, "nats/context/prod.json", []byte(`{"url":"nats://127.0.0.1:2","user":"me","password":"secret"}`))
	s.expect(t, exitConnection, "nothing answers on nats://127.0.0.1:4222", "typednats ls")
	s.expect(t, exitOK, "legacy.greet", "env -u NATS_URL typednats --context dev ls")
	s.expect(t, exitOK, "legacy.greet", "env -u NATS_URL NATS_CONTEXT=dev typednats ls")
	s.expect(t, exitOK, "legacy.greet", "typednats --context prod -s "+server.ClientURL()+" ls")
	s.expect(t, exitUsage, "there are: dev, prod", "typednats --context non ls")
	s.expect(t, exitUsage, "invalid context name", "typednats --context ../x ls")
	s.write(t, "nats/context.txt", []byte("dev"))
	s.expect(t, exitOK, "legacy.greet", "env -u NATS_URL typednats ls")
	s.expect(t, exitConnection, "nothing answers on nats://127.0.0.1:2", "env -u NATS_URL typednats --context prod ls")
	s.write(t, "nats/context/broken.json", []byte(`{`))
	s.expect(t, exitUsage, "load the context", "typednats --context broken ls")
}

func TestLogin(t *testing.T) {
	t.Parallel()
	opts := natsserver.Socket()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	opts.Nkeys = []*server.NkeyUser{{Nkey: public}}
	opts.Users = []*server.User{
		{Username: "me", Password: "secret"},
		{Username: "mute", Password: "secret", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{">"}}}},
		{Username: "shy", Password: "secret", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"legacy.greet"}}}},
	}
	server := startServerWith(t, opts)
	address := strings.TrimPrefix(server.ClientURL(), "nats://")
	s := newShell(t, server.ClientURL())
	s.write(t, "user.nk", seed)
	s.write(t, "bad.nk", []byte("SUAnonsense"))
	s.expect(t, exitConnection, "refuses this user", "typednats ls")
	s.expect(t, exitConnection, "nats://me:xxxxx@127.0.0.1", "typednats -s nats://me:wrong@"+address+" ls")
	s.expect(t, exitOK, "no service answers", "typednats --nkey user.nk ls")
	s.expect(t, exitOK, "no service answers", "NATS_NKEY=user.nk typednats ls")
	s.write(t, "nats/context/jwt.json", []byte(`{"creds":"`+filepath.Join(s.dir, "user.nk")+`"}`))
	s.expect(t, exitOK, "no service answers", "typednats --context jwt --nkey user.nk ls")
	s.expect(t, exitOK, "no service answers", "typednats -s nats://me:secret@"+address+" ls")
	s.expect(t, exitUsage, "--nkey: ", "typednats --nkey none.nk ls")
	s.expect(t, exitUsage, "--nkey: ", "typednats --nkey bad.nk ls")
	s.expect(t, exitUsage, "--creds: ", "typednats --creds none.creds ls")
	s.expect(t, exitOK, "no service answers", "NATS_CREDS=none.creds typednats --nkey user.nk ls")
	s.expect(t, exitUsage, "one of them", "NATS_CREDS=user.nk NATS_NKEY=user.nk typednats ls")
	s.expect(t, exitUsage, "one of them", "typednats --creds user.nk --nkey user.nk ls")
	for command, want := range map[string]string{
		"ls": "allowed to publish to $SRV.>", "describe x": "allowed to publish to $SRV.>", "top": "allowed to publish to $SRV.>",
		"metrics": "allowed to publish to $SRV.>", "call a.b": "--unlisted sends without asking", "call --unlisted a.b": "may not call a.b",
	} { // at once: what refuses them does not take its time
		s.expect(t, exitConnection, want, "typednats --timeout 1h -s nats://mute:secret@"+address+" "+command)
	}
	s.expect(t, exitConnection, "may not call legacy.greet", "typednats --timeout 1s -s nats://shy:secret@"+address+" call --unlisted legacy.greet")
}

// TestCredentials logs in with a file of credentials, which takes the place of what a context says.
func TestCredentials(t *testing.T) {
	t.Parallel()
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	account, _ := nkeys.CreateAccount()
	user, _ := nkeys.CreateUser()
	accountKey, _ := account.PublicKey()
	userKey, _ := user.PublicKey()
	operatorKey, _ := operator.PublicKey()
	seed, _ := user.Seed()
	accountJWT, err := jwt.NewAccountClaims(accountKey).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	userJWT, err := jwt.NewUserClaims(userKey).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		t.Fatal(err)
	}
	opts := natsserver.Socket()
	opts.TrustedKeys = []string{operatorKey}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountKey, accountJWT); err != nil {
		t.Fatal(err)
	}
	opts.AccountResolver = resolver
	s := newShell(t, startServerWith(t, opts).ClientURL())
	s.write(t, "user.creds", creds)
	s.write(t, "nats/context/dev.json", []byte(`{"user":"somebody","password":"else"}`))
	s.expect(t, exitConnection, "refuses this user", "typednats ls")
	s.expect(t, exitConnection, "refuses this user", "typednats --context dev ls")
	s.expect(t, exitOK, "no service answers", "typednats --creds user.creds ls")
	s.expect(t, exitOK, "no service answers", "NATS_CREDS=user.creds typednats --context dev ls")
	s.write(t, "user.nk", seed)
	s.write(t, "nats/context/nkey.json", []byte(`{"nkey":"`+filepath.Join(s.dir, "user.nk")+`"}`))
	s.expect(t, exitOK, "no service answers", "typednats --context nkey --creds user.creds ls")
}

// TestHelpHidesPasswords: the environment is not shown as the default of a flag.
func TestHelpHidesPasswords(t *testing.T) {
	t.Parallel()
	s := newShell(t, "nats://me:secret@127.0.0.1:1")
	s.replaced = nil
	for _, line := range []string{"typednats --help", "typednats ls", "typednats -v ls", "typednats ls --nothing"} {
		if shown, _ := s.run(t, line); strings.Contains(shown, "secret") {
			t.Errorf("%s shows the password:\n%s", line, shown)
		}
	}
}

// TestTimeouts: the user counts before the endpoint.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	brief := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("brief").WithTimeout(100 * time.Millisecond)
	startService(t, connectTo(t, server), typednats.ServiceConfig{Name: "brief", Version: "1.0.0"},
		brief.Handle(func(ctx context.Context, _ struct{}) (struct{}, error) {
			<-ctx.Done()
			return struct{}{}, ctx.Err()
		}))
	s := newShell(t, server.ClientURL())
	s.expect(t, exitTimeout, "no reply from brief within 100ms", "typednats call brief")
	s.expect(t, exitTimeout, "no reply from brief within 50ms", "typednats call --timeout 50ms brief")
}

// TestStream: a stream that takes the subject of an endpoint acknowledges each request, before the service replies.
func TestStream(t *testing.T) {
	t.Parallel()
	opts := natsserver.Socket()
	opts.JetStream, opts.StoreDir = true, t.TempDir()
	server := startServerWith(t, opts)
	nc := connectTo(t, server)
	startInventory(t, nc)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"stock.>", "heard"}}); err != nil {
		t.Fatal(err)
	}
	svc, err := micro.AddService(nc, micro.Config{Name: "silent", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.AddEndpoint("silent", micro.HandlerFunc(func(micro.Request) {}), micro.WithEndpointSubject("stock.silent")); err != nil {
		t.Fatal(err)
	}
	s := newShell(t, server.ClientURL())
	for range 10 {
		s.expect(t, exitOK, `"available": 12`, `typednats call stock.check '{"item":"chair"}'`)
	}
	s.expect(t, exitTimeout, "only a stream has stored the request", "typednats call --timeout 300ms stock.silent")
	s.expect(t, exitOK, `"stream": "AUDIT"`, "typednats call --unlisted heard")
}

// TestOutputFails: a command whose output gets lost does not succeed.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		needs(t, "/dev/full", err)
	}
	s := startFleet(t)
	for _, line := range []string{"ls", "ls --json", "call legacy.status", "describe legacy.greet", "metrics", "top --interval 100ms"} {
		s.expect(t, exitUsage, "no space left", "typednats "+line+" > /dev/full")
	}
}

// TestVerbose: what is done is said on standard error only.
func TestVerbose(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	s.expect(t, exitService, "send 29 bytes of application/json to warehouse.reserve",
		`typednats -v call warehouse.reserve '{"item":"nut","quantity":123}' 2>&1 >/dev/null`)
	s.expect(t, exitService, "error OutOfStockError (409)", `typednats call warehouse.reserve '{"item":"nut","quantity":123}' 2>&1 >/dev/null`)
	shown, code := s.run(t, `typednats call warehouse.reserve '{"item":"nut","quantity":123}' 2>/dev/null`)
	if code != exitService || !strings.HasPrefix(shown, "{") {
		t.Errorf("%d: %s", code, shown)
	}
}

// TestInterrupt: who presses Ctrl-C waits neither for a reply nor for the end of the input.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	ended := make(chan error, 1)
	endless := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("endless")
	startService(t, connectTo(t, s.server), typednats.ServiceConfig{Name: "endless", Version: "1.0.0"},
		endless.Handle(func(ctx context.Context, _ struct{}) (struct{}, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return struct{}{}, ctx.Err()
		}))
	t.Cleanup(func() {
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the handler ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the handler did not end")
		}
	})
	for name, test := range map[string]struct {
		args []string
		said string // when it waits
	}{
		"for a reply": {[]string{"-v", "call", "--timeout", "1m", "endless"}, "send 0 bytes"},
		"for input":   {[]string{"-v", "call", "legacy.greet", "-"}, "announces no contract"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(binDir, "typednats"), test.args...) //nolint:gosec // it is what is tested
			cmd.Env = s.env
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close() //nolint:errcheck // nothing was written
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := ""
			for lines := bufio.NewScanner(stderr); lines.Scan(); {
				said += lines.Text() + "\n"
				if strings.Contains(lines.Text(), test.said) {
					if err := cmd.Process.Signal(os.Interrupt); err != nil {
						t.Fatal(err)
					}
				}
			}
			err = cmd.Wait()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != exitTimeout || !strings.Contains(said, "interrupted") {
				t.Errorf("%v:\n%s", err, said)
			}
		})
	}
}
