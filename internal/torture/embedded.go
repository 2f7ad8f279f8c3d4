package main

import (
	"errors"
	"time"

	"github.com/typednats/typednats/internal/natsserver"
)

// embedded is a server in this process.
type embedded struct {
	conf   nodeConfig
	server *natsserver.Server
}

func startEmbedded(conf nodeConfig) (daemon, error) {
	opts, err := conf.options(allowAll)
	if err != nil {
		return nil, err
	}
	srv, err := natsserver.Start(opts)
	if err != nil {
		return nil, err
	}
	e := &embedded{conf: conf, server: srv}
	e.conf.Port, e.conf.RoutePort = e.ports()
	return e, nil
}

func (e *embedded) ports() (clients, routes int) {
	clients, _ = portOf(e.server.ClientURL())
	return clients, e.server.ClusterAddr().Port
}

func (e *embedded) kill() error {
	e.server.Stop()
	if e.server.Running() {
		return errors.New("the server still runs")
	}
	return nil
}

func (e *embedded) retire() error {
	e.server.LameDuckShutdown()
	e.server.WaitForShutdown()
	return nil
}

func (e *embedded) freeze(time.Duration) error {
	return errors.New("a server in this process cannot be stopped alone")
}

func (e *embedded) deny(subject string) error {
	opts, err := e.conf.options(subject)
	if err != nil {
		return err
	}
	return e.server.ReloadOptions(opts)
}

func (e *embedded) connections() ([]connection, error) { return connectionsOf(e.server.Server) }
