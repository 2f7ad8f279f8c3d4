package typednats

import (
	"context"
	"log/slog"

	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// served returns the contract document of an endpoint that a service serves. One that cannot be made is as if there were
// none: the endpoint works without.
func (d *descriptor) served() server.Document {
	p := d.publish()
	return server.Document{Name: p.digest, Body: p.bytes}
}

// makeDocuments makes the documents of endpoints before somebody asks for them, and tells the owner of those that cannot be
// made. It ends with ctx.
func makeDocuments(ctx context.Context, bound []BoundEndpoint, owner *reporter) {
	for _, b := range bound {
		if ctx.Err() != nil {
			return
		}
		if err := b.descriptor.publish().err; err != nil {
			owner.log(slog.LevelWarn, "an endpoint has no contract document", "endpoint", b.name, "error", err)
		}
	}
}

// announce adds what $SRV.INFO says of an endpoint's contract to the endpoint's metadata.
func announce(metadata map[string]string, e *server.Endpoint) {
	if e.Document == nil {
		return
	}
	d := e.Document()
	if d.Name == "" {
		return
	}
	metadata[wire.ContractKey] = d.Name
	if p, ok := e.Operation.(*pipeline); ok && !p.codecs.isJSON() {
		metadata[wire.AcceptsKey] = p.codecs.String()
	}
}
