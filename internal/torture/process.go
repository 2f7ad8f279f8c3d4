package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/typednats/typednats/internal/natsserver"
)

// nodeVariable has this program run as one node, with the configuration that it holds.
const nodeVariable = "TORTURE_NODE"

// What the process of a node is asked for. Each is one line of JSON, and so is each answer.
const (
	askConnections = "connections"
	askRetire      = "retire" // the answer is the end
)

// process is a server in a process of its own: this program, run again.
type process struct {
	command         *exec.Cmd
	port, routePort int

	mu      sync.Mutex // one question at a time
	asks    *json.Encoder
	answers *json.Decoder
}

func startProcess(conf nodeConfig) (daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(conf)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(context.Background(), self) //nolint:gosec // it is this program
	command.Env = append(os.Environ(), nodeVariable+"="+string(encoded))
	command.Stderr = os.Stderr
	asks, err := command.StdinPipe() // the node ends when it is closed, so at the latest when this process does
	if err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, asks: json.NewEncoder(asks), answers: json.NewDecoder(answers)}
	var ready nodeConfig
	if err := p.answers.Decode(&ready); err != nil {
		return nil, errors.Join(fmt.Errorf("node is not ready: %w", err), p.kill())
	}
	p.port, p.routePort = ready.Port, ready.RoutePort
	return p, nil
}

func (p *process) ports() (clients, routes int) { return p.port, p.routePort }

func (p *process) kill() error {
	err := p.command.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return errors.Join(err, p.end())
}

// end waits for the end of the process. How it has ended does not count.
func (p *process) end() error {
	err := p.command.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}

func (p *process) retire() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.asks.Encode(askRetire); err != nil {
		return err
	}
	var none struct{}
	if err := p.answers.Decode(&none); !errors.Is(err, io.EOF) {
		return fmt.Errorf("retire: %w, want the end", err)
	}
	return p.end()
}

func (p *process) freeze(d time.Duration) error {
	if err := suspend(p.command.Process); err != nil {
		return err
	}
	pause(context.Background(), d)
	return resume(p.command.Process)
}

func (p *process) deny(string) error { return errors.New("a process has no new permissions") }

func (p *process) connections() (all []connection, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.asks.Encode(askConnections); err != nil {
		return nil, err
	}
	return all, p.answers.Decode(&all)
}

// runNode is a node in a process of its own, until in ends. It returns the status of the process.
func runNode(encoded string, in io.Reader, out, stderr io.Writer) int {
	if err := serveNode(encoded, in, out); err != nil {
		printf(stderr, "torture node: %v\n", err)
		return 1
	}
	return 0
}

func serveNode(encoded string, in io.Reader, out io.Writer) error {
	var conf nodeConfig
	if err := json.Unmarshal([]byte(encoded), &conf); err != nil {
		return err
	}
	opts, err := conf.options(allowAll)
	if err != nil {
		return err
	}
	srv, err := natsserver.Start(opts)
	if err != nil {
		return err
	}
	defer srv.Stop()
	conf.Port, _ = portOf(srv.ClientURL())
	conf.RoutePort = srv.ClusterAddr().Port
	answers, asks := json.NewEncoder(out), json.NewDecoder(in)
	if err := answers.Encode(conf); err != nil {
		return err
	}
	for {
		var ask string
		if err := asks.Decode(&ask); err != nil {
			return nil // whoever started the node is gone
		}
		if ask == askRetire {
			srv.LameDuckShutdown()
			return nil
		}
		all, err := connectionsOf(srv.Server)
		if err != nil {
			return err
		}
		if err := answers.Encode(all); err != nil {
			return err
		}
	}
}
