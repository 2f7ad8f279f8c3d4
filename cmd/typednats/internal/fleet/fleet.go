// Package fleet puts together what the services on a NATS system say about themselves: services, their endpoints, and
// who serves them.
package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/wire"
)

// Fleet is who was there when everybody was asked. All lists are in an order that does not depend on who answered
// first.
type Fleet struct {
	Services  []Service
	Endpoints []Endpoint
}

// Service is all instances of one name.
type Service struct {
	Name      string
	Instances []micro.Info // by version and id
}

// Endpoint is one endpoint of a service, as all of its instances announce it.
type Endpoint struct {
	Service, Name, Subject string
	Offers                 []Offer // the one that most instances make first
}

// Offer is how one instance or several announce an endpoint.
type Offer struct {
	Digest     string   // of the contract; empty if none is announced
	Accepts    []string // content types
	QueueGroup string
	Versions   []string // of the service, sorted
	Instances  []string // their ids, sorted
	// Metadata is that of one of the instances, without the keys of the library.
	Metadata map[string]string
}

// Ask asks everybody, or the instances of one service if its name is not empty. With an error comes what is known of
// those who had answered.
func Ask(ctx context.Context, client *discovery.Client, service string) (Fleet, error) {
	var infos []micro.Info
	for info, err := range client.InfoSeq(ctx, service) {
		if err != nil {
			return New(infos), err
		}
		infos = append(infos, info)
	}
	return New(infos), nil
}

// AskUntil asks everybody, and ends as soon as somebody serves the subject.
func AskUntil(ctx context.Context, client *discovery.Client, subject string) (Fleet, error) {
	var infos []micro.Info
	for info, err := range client.InfoSeq(ctx, "") {
		if err != nil {
			return New(infos), err
		}
		infos = append(infos, info)
		if slices.ContainsFunc(info.Endpoints, func(e micro.EndpointInfo) bool { return e.Subject == subject }) {
			break
		}
	}
	return New(infos), nil
}

// New puts together the answers of instances.
func New(infos []micro.Info) Fleet {
	services := make(map[string][]micro.Info)
	endpoints := make(map[key]map[offerKey]*Offer)
	for _, info := range infos {
		services[info.Name] = append(services[info.Name], info)
		for _, e := range info.Endpoints {
			k := key{info.Name, e.Name, e.Subject}
			if endpoints[k] == nil {
				endpoints[k] = make(map[offerKey]*Offer)
			}
			o := endpoints[k][offerOf(e)]
			if o == nil {
				o = newOffer(e)
				endpoints[k][offerOf(e)] = o
			}
			o.Instances = append(o.Instances, info.ID)
			o.Versions = append(o.Versions, info.Version)
		}
	}
	var f Fleet
	for _, name := range slices.Sorted(maps.Keys(services)) {
		instances := services[name]
		slices.SortFunc(instances, func(a, b micro.Info) int {
			return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.ID, b.ID))
		})
		f.Services = append(f.Services, Service{Name: name, Instances: instances})
	}
	for k, offers := range endpoints {
		e := Endpoint{Service: k.service, Name: k.name, Subject: k.subject}
		for _, o := range offers {
			slices.Sort(o.Instances)
			slices.Sort(o.Versions)
			o.Versions = slices.Compact(o.Versions)
			e.Offers = append(e.Offers, *o)
		}
		slices.SortFunc(e.Offers, func(a, b Offer) int {
			return cmp.Or(cmp.Compare(len(b.Instances), len(a.Instances)), slices.Compare(b.Versions, a.Versions),
				slices.Compare(a.Instances, b.Instances), cmp.Compare(a.Digest, b.Digest))
		})
		f.Endpoints = append(f.Endpoints, e)
	}
	slices.SortFunc(f.Endpoints, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Name, b.Name))
	})
	return f
}

type key struct{ service, name, subject string }

type offerKey struct{ digest, accepts, queueGroup string }

func offerOf(e micro.EndpointInfo) offerKey {
	return offerKey{e.Metadata[wire.ContractKey], e.Metadata[wire.AcceptsKey], e.QueueGroup}
}

// newOffer returns an offer that nobody makes yet.
func newOffer(e micro.EndpointInfo) *Offer {
	o := &Offer{Digest: e.Metadata[wire.ContractKey], Accepts: accepted(e), QueueGroup: e.QueueGroup}
	for k, v := range e.Metadata {
		if strings.HasPrefix(k, wire.MetadataPrefix) {
			continue
		}
		if o.Metadata == nil {
			o.Metadata = make(map[string]string)
		}
		o.Metadata[k] = v
	}
	return o
}

// accepted returns the content types that an endpoint accepts, as far as its metadata says.
func accepted(e micro.EndpointInfo) []string {
	var list []string
	for part := range strings.SplitSeq(e.Metadata[wire.AcceptsKey], ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	if list == nil {
		return []string{wire.JSONMediaType}
	}
	return list
}

// Instances returns how many instances serve the endpoint.
func (e Endpoint) Instances() int {
	n := 0
	for _, o := range e.Offers {
		n += len(o.Instances)
	}
	return n
}

// FullName is the service's and the endpoint's name with a dot in between.
func (e Endpoint) FullName() string { return e.Service + "." + e.Name }

// Of returns the endpoints of a service.
func (f Fleet) Of(service string) []Endpoint {
	return f.where(func(e Endpoint) bool { return e.Service == service })
}
