package discovery

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/subject"
	"github.com/typednats/typednats/internal/wire"
)

// maxTries is how many instances are asked for one contract, if those before do not have it.
const maxTries = 3

// Check asks everybody who is there, and returns what goes wrong when a client that was made with the given contracts calls
// them. A program can ask so whether what it calls fits, when it starts or in a deployment pipeline; ctx bounds the time,
// and [WithMaxWait].
//
//   - Nobody serves the subject of a contract: breaking. Instances of a service that serves it do not: info.
//   - An instance was made with another contract, older or newer: what [contract.Meet] says of the two, with the ids of
//     all such instances. Each contract is fetched once.
//   - Two services share the requests of a subject: breaking. Instances are in queue groups that differ: a warning.
//   - A content type that the client sends is not accepted: breaking.
//   - An instance announces no contract, as services of other makes do: info. One cannot be fetched: a warning.
//
// Nothing is asked before the range begins; then $SRV.INFO is, and contracts are as they are needed, for no longer than
// [WithMaxWait] once more: what is not there then cannot be fetched. An error comes last,
// after the findings about those who had answered; it is not said then that nobody serves a subject.
func Check(ctx context.Context, c *Client, docs ...contract.Document) iter.Seq2[contract.Finding, error] {
	return func(yield func(contract.Finding, error) bool) {
		if len(docs) == 0 {
			return
		}
		f := fleet{client: c, offers: make(map[offer][]string), services: make(map[string][]string)}
		var failed error
		for info, err := range c.InfoSeq(ctx, "") {
			if err != nil {
				failed = err
				break
			}
			f.add(info)
		}
		fetching, cancel := context.WithTimeout(ctx, c.settings.maxWait)
		defer cancel()
		for _, doc := range docs {
			for _, finding := range f.check(fetching, doc, failed == nil) {
				if !yield(finding, nil) {
					return
				}
			}
			if failed == nil {
				failed = ctx.Err()
			}
		}
		if failed != nil {
			yield(contract.Finding{}, failed)
		}
	}
}

// offer is an endpoint as instances announce it.
type offer struct{ service, name, subject, queueGroup, digest, accepts string }

// fleet is who is there.
type fleet struct {
	client   *Client
	offers   map[offer][]string  // the ids of the instances
	services map[string][]string // the ids of all instances of a service
}

func (f *fleet) add(info micro.Info) {
	f.services[info.Name] = append(f.services[info.Name], info.ID)
	for _, e := range info.Endpoints {
		o := offer{
			service: info.Name, name: e.Name, subject: e.Subject, queueGroup: e.QueueGroup,
			digest: e.Metadata[wire.ContractKey], accepts: e.Metadata[wire.AcceptsKey],
		}
		f.offers[o] = append(f.offers[o], info.ID)
	}
}

// checking is what is found about one contract.
type checking struct {
	doc      contract.Document
	findings []contract.Finding
}

func (c *checking) addf(level contract.Level, rule contract.Rule, ids []string, advice, format string, args ...any) {
	hurt := contract.Party("")
	if level > contract.Info {
		hurt = contract.Clients
	}
	c.findings = append(c.findings, contract.Finding{
		Level: level, Rule: rule, Endpoint: c.doc.Name, Message: fmt.Sprintf(format, args...), Advice: advice, Hurt: hurt,
		Instances: slices.Sorted(slices.Values(ids)),
	})
}

// check returns what is found about one contract. isWhole says that everybody is known.
func (f *fleet) check(ctx context.Context, doc contract.Document, isWhole bool) []contract.Finding {
	c := &checking{doc: doc}
	offers := f.offersOn(doc.Subject)
	if len(offers) == 0 {
		if isWhole {
			c.addf(contract.Breaking, contract.RuleSubject, nil, "start a service that serves it, or wait for one",
				"nobody serves the subject %s", doc.Subject)
		}
		return c.findings
	}
	f.checkServices(c, offers)
	f.checkQueueGroups(c, offers)
	for _, o := range offers {
		f.checkOffer(ctx, c, o)
	}
	return c.findings
}

// offersOn returns the offers that get requests of a subject, in an order that does not depend on who answers first.
func (f *fleet) offersOn(pattern string) []offer {
	var found []offer
	for o := range f.offers {
		if o.subject == pattern || subject.Check(o.subject) == nil && subject.Overlap(o.subject, pattern) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.subject, b.subject), cmp.Compare(a.name, b.name),
			cmp.Compare(a.queueGroup, b.queueGroup), cmp.Compare(a.digest, b.digest), cmp.Compare(a.accepts, b.accepts))
	})
	return found
}

// checkServices finds services that share requests, and instances that serve other endpoints of a service only.
func (f *fleet) checkServices(c *checking, offers []offer) {
	serving := make(map[string]map[string]bool) // by service, the instances
	for _, o := range offers {
		if serving[o.service] == nil {
			serving[o.service] = make(map[string]bool)
		}
		for _, id := range f.offers[o] {
			serving[o.service][id] = true
		}
	}
	names := slices.Sorted(maps.Keys(serving))
	if len(names) > 1 {
		var ids []string
		for _, name := range names {
			ids = slices.AppendSeq(ids, maps.Keys(serving[name]))
		}
		c.addf(contract.Breaking, contract.RuleSubject, ids, "give each service subjects of its own",
			"the services %s share the requests of %s", strings.Join(names, ", "), c.doc.Subject)
	}
	for _, name := range names {
		without := slices.DeleteFunc(slices.Clone(f.services[name]), func(id string) bool { return serving[name][id] })
		if len(without) > 0 {
			c.addf(contract.Info, contract.RuleSubject, without, "",
				"instances of the service %s do not serve %s", name, c.doc.Subject)
		}
	}
}

// checkQueueGroups finds instances that get requests beside others.
func (f *fleet) checkQueueGroups(c *checking, offers []offer) {
	groups := make(map[string][]string)
	for _, o := range offers {
		groups[o.queueGroup] = append(groups[o.queueGroup], f.offers[o]...)
	}
	if len(groups) < 2 {
		return
	}
	var parts, ids []string
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		parts = append(parts, fmt.Sprintf("%q", group))
		ids = append(ids, groups[group]...)
	}
	c.addf(contract.Warning, contract.RuleQueueGroup, ids, "give all instances one queue group",
		"requests run once in each of the queue groups %s", strings.Join(parts, ", "))
}

// checkOffer compares the contract with that of instances.
func (f *fleet) checkOffer(ctx context.Context, c *checking, o offer) {
	ids := f.offers[o]
	switch {
	case o.digest == c.doc.Digest():
		return
	case o.digest == "":
		c.addf(contract.Info, contract.RuleOpaque, ids, "", "no contract announced by the service %s", o.service)
		return
	}
	served, err := f.fetch(ctx, o)
	if err != nil {
		if !accepts(o, c.doc) {
			c.addf(contract.Breaking, contract.RuleContentType, ids, "send a content type that all instances accept",
				"%s is not accepted, only %s", c.doc.ContentTypes[0], cmp.Or(o.accepts, wire.JSONMediaType))
		}
		c.addf(contract.Warning, contract.RuleOpaque, ids, "let its instances hand out their contracts (ContractsAlways)",
			"the contract that the service %s announces cannot be fetched: %v", o.service, err)
		return
	}
	for _, finding := range contract.Meet(c.doc, served) {
		finding.Endpoint = cmp.Or(finding.Endpoint, c.doc.Name)
		finding.Instances = slices.Sorted(slices.Values(ids))
		c.findings = append(c.findings, finding)
	}
}

// fetch asks a few of the instances for their contract.
func (f *fleet) fetch(ctx context.Context, o offer) (doc contract.Document, err error) {
	for i, id := range slices.Sorted(slices.Values(f.offers[o])) {
		if i == maxTries || i > 0 && ctx.Err() != nil {
			break
		}
		if doc, err = f.client.contract(ctx, o.service, id, o.digest); err == nil {
			return doc, nil
		}
	}
	return doc, err
}

// accepts reports whether instances accept what a client sends by default, as far as INFO says.
func accepts(o offer, doc contract.Document) bool {
	if len(doc.ContentTypes) == 0 {
		return true
	}
	for accepted := range strings.SplitSeq(cmp.Or(o.accepts, wire.JSONMediaType), ",") {
		if strings.TrimSpace(accepted) == doc.ContentTypes[0] {
			return true
		}
	}
	return false
}
