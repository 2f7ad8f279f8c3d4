// Package endpoints is what contract documents say of endpoints, in the form that what is made from them needs: which
// bodies count, names that differ, and schemas that several documents share.
package endpoints

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/typednats/typednats/contract"
)

// jsonType is the media type of what is described here, wherever an endpoint accepts it.
const jsonType = "application/json"

// Set is the endpoints of one service, or of one file.
type Set struct {
	// Name is that of the service, or of the file without its folder and what is behind the dot.
	Name string
	// Endpoints are in the order of their subjects.
	Endpoints []Endpoint
}

// Endpoint is a contract document with the bodies of one content type: JSON if the endpoint accepts that, else the first.
type Endpoint struct {
	contract.Document

	// Label is a name that no other endpoint of the set has, whatever the case of its letters: the endpoint's own, with
	// tokens of the subject before it where two have the same.
	Label string
	// ContentType is the one that counts, and IsJSON says whether it is JSON.
	ContentType string
	IsJSON      bool
	// Request and Reply are the bodies; with nil they are empty.
	Request, Reply *contract.Schema
	// Declared are the errors that the endpoint declares.
	Declared []contract.Error
}

// NewSet returns a set of documents. Two of one subject, name and queue group are an error unless they say the same, which
// is then said once.
func NewSet(name string, docs ...contract.Document) (Set, error) {
	docs = slices.Clone(docs)
	slices.SortStableFunc(docs, compareDocuments)
	set := Set{Name: name}
	for i, doc := range docs {
		if i > 0 && compareDocuments(docs[i-1], doc) == 0 {
			if docs[i-1].Digest() == doc.Digest() {
				continue
			}
			return Set{}, fmt.Errorf("%s: there are two contracts of the endpoint %s on %s: %s and %s", name, doc.Name, doc.Subject,
				docs[i-1].Digest(), doc.Digest())
		}
		set.Endpoints = append(set.Endpoints, newEndpoint(doc))
	}
	if len(set.Endpoints) == 0 {
		return Set{}, fmt.Errorf("%s: %w", name, ErrEmpty)
	}
	label(set.Endpoints)
	return set, nil
}

// ErrEmpty is returned for a set without endpoints.
var ErrEmpty = errors.New("there is no endpoint in it")

func compareDocuments(a, b contract.Document) int {
	return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Name, b.Name), cmp.Compare(a.QueueGroup.Name, b.QueueGroup.Name))
}

func newEndpoint(doc contract.Document) Endpoint {
	e := Endpoint{Document: doc, ContentType: jsonType, IsJSON: true}
	if len(doc.ContentTypes) > 0 { // a document that says nothing of it means JSON
		i := slices.IndexFunc(doc.ContentTypes, isJSON)
		e.IsJSON = i >= 0
		e.ContentType = doc.ContentTypes[max(i, 0)]
	}
	e.Request, e.Reply = schema(doc.RequestSchema(e.ContentType)), schema(doc.ReplySchema(e.ContentType))
	for _, declared := range doc.Errors {
		declared.Schema = schema(doc.ErrorSchema(e.ContentType, declared.Tag))
		e.Declared = append(e.Declared, declared)
	}
	return e
}

func schema(s contract.Schema, ok bool) *contract.Schema {
	if !ok {
		return nil
	}
	return &s
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == jsonType
}

// IsWildcard reports whether the subject stands for others, so that a call has to say which it is.
func (e Endpoint) IsWildcard() bool {
	return slices.ContainsFunc(strings.Split(e.Subject, "."), isWildcard)
}

func isWildcard(token string) bool { return token == "*" || token == ">" }

// label gives labels to endpoints, which are in the order of their subjects.
func label(all []Endpoint) {
	groups := map[string][]*Endpoint{}
	for i := range all {
		key := fold(all[i].Name)
		groups[key] = append(groups[key], &all[i])
	}
	taken := Names{Fold: fold, Between: "-"}
	for i := range all { // those that have their own names have them whatever the others get
		if first(groups[fold(all[i].Name)]) == &all[i] {
			all[i].Label = taken.Take(all[i].Name)
		}
	}
	tokens := map[string]int{}
	for i := range all {
		if all[i].Label != "" {
			continue
		}
		key := fold(all[i].Name)
		if tokens[key] == 0 {
			tokens[key] = tokensThatDiffer(groups[key])
		}
		all[i].Label = taken.Take(qualified(all[i], tokens[key]))
	}
}

// first returns the endpoint that has the name of a group for itself: the one with the shortest subject, if there is
// one. An endpoint that comes to others later, below them, changes nothing for them then.
func first(group []*Endpoint) *Endpoint {
	var shortest *Endpoint
	fewest := 0
	for _, e := range group {
		switch n := strings.Count(e.Subject, "."); {
		case shortest == nil && fewest == 0 || n < fewest:
			shortest, fewest = e, n
		case n == fewest:
			shortest = nil
		}
	}
	return shortest
}

// tokensThatDiffer returns how many tokens of their subjects tell endpoints of one name apart, or all if none do.
func tokensThatDiffer(group []*Endpoint) int {
	const most = 16
	for n := 1; n < most; n++ {
		labels := map[string]bool{}
		for _, e := range group {
			labels[fold(qualified(*e, n))] = true
		}
		if len(labels) == len(group) {
			return n
		}
	}
	return most
}

// qualified returns the name with the last n tokens of the subject before it, apart from wildcards and the name itself.
func qualified(e Endpoint, n int) string {
	tokens := slices.DeleteFunc(strings.Split(e.Subject, "."), isWildcard)
	if last := len(tokens) - 1; last >= 0 && tokens[last] == e.Name {
		tokens = tokens[:last]
	}
	tokens = tokens[max(0, len(tokens)-n):]
	return strings.Join(append(tokens, e.Name), "-")
}

// fold leaves out what most languages and some file systems do not tell apart.
func fold(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
}
