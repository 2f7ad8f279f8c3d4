// Package embedded runs a NATS server inside an example, so that the example needs nothing installed.
package embedded

import (
	"github.com/typednats/typednats/internal/natsserver"
)

// Start starts a server that opens no port: only this process reaches it. The caller stops it with its method Stop.
func Start() (*natsserver.Server, error) {
	return natsserver.Start(natsserver.InProcess())
}
