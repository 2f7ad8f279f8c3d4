package endpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/discovery"
)

// Fetch fetches the contracts of what services announce: one set for each service, in the order of their names. skipped is
// told of each endpoint that has none.
//
// Instances that announce different contracts of one endpoint are an error: what is made of them would fit some of them.
func Fetch(ctx context.Context, client *discovery.Client, f fleet.Fleet, skipped func(why string)) ([]Set, error) {
	var sets []Set
	for _, service := range f.Services {
		docs, err := fetchAll(ctx, client, f.Of(service.Name), skipped)
		if err != nil {
			return nil, err
		}
		if len(docs) == 0 {
			continue
		}
		set, err := NewSet(service.Name, docs...)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("%w: no contract is announced", ErrEmpty)
	}
	return sets, nil
}

func fetchAll(ctx context.Context, client *discovery.Client, all []fleet.Endpoint, skipped func(string)) ([]contract.Document, error) {
	var docs []contract.Document
	for _, e := range all {
		digests := map[string][]string{} // with the instances
		for _, o := range e.Offers {
			digests[o.Digest] = append(digests[o.Digest], o.Instances...)
		}
		if len(digests) == 1 && digests[""] != nil {
			skipped(fmt.Sprintf("%s on %s: %v", e.FullName(), e.Subject, fleet.ErrNoContract))
			continue
		}
		delete(digests, "") // those that say nothing contradict nobody
		if len(digests) > 1 {
			return nil, fmt.Errorf("%s on %s: %w: %s; wait until one version runs, or use a file", e.FullName(), e.Subject, ErrVersions,
				strings.Join(describe(digests), ", "))
		}
		doc, err := e.Contract(ctx, client)
		if err != nil {
			return nil, fmt.Errorf("%s on %s: %w", e.FullName(), e.Subject, err)
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// ErrVersions is returned if instances of a service have different contracts.
var ErrVersions = errors.New("its instances have different contracts")

func describe(digests map[string][]string) []string {
	var list []string
	for _, digest := range slices.Sorted(maps.Keys(digests)) {
		list = append(list, fmt.Sprintf("%s on %s", digest, strings.Join(slices.Sorted(slices.Values(digests[digest])), " and ")))
	}
	return list
}
