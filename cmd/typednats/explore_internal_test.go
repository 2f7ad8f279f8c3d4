package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browser is who looks at a page.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}}
}

func (b *browser) get(url, host string) (status int, page string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = host
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestExplore(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "typednats"), "explore") //nolint:gosec // it is what is tested
	cmd.Env = s.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	withToken, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	withToken = strings.TrimSpace(withToken)
	url, _, _ := strings.Cut(withToken, "?")
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("it listens on %s", url)
	}
	mine, other := newBrowser(t), newBrowser(t)
	steps := []struct {
		name   string
		from   *browser
		url    string
		host   string
		status int
	}{
		{"without the token", mine, url, "", http.StatusForbidden},
		{"with another token", mine, url + "?token=x", "", http.StatusForbidden},
		{"under another name", mine, withToken, "evil.example", http.StatusMisdirectedRequest},
		{"with the token", mine, withToken, "", http.StatusOK},
		{"once let in", mine, url, "", http.StatusOK},
		{"once let in, under another name", mine, url, "evil.example", http.StatusMisdirectedRequest},
		{"with the token again", other, withToken, "", http.StatusForbidden},
		{"somebody else", other, url, "", http.StatusForbidden},
	}
	for _, step := range steps {
		if status, page := step.from.get(step.url, step.host); status != step.status {
			t.Errorf("%s: %d, want %d: %.200s", step.name, status, step.status, page)
		}
	}
	if _, page := mine.get(url, ""); !strings.Contains(page, "<html") {
		t.Errorf("no page: %.200s", page)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
