package explorer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/example"
	"github.com/typednats/typednats/internal/wire"
)

// How many instances are asked for a contract, and how long they may take together.
const (
	maxTries = 3
	maxFetch = 4 * time.Second
)

// announced is what instances say of an endpoint.
type announced struct {
	endpointKey

	service       string
	accepts       string
	ids, otherIDs []string // of instances with either contract
}

// announced returns who announces one of two contracts. An empty digest is none.
func (e *endpoint) announced(digest, other string) announced {
	a := announced{endpointKey: e.endpointKey, service: e.service.name}
	for id, in := range e.service.instances {
		o := in.offers[e]
		if o == nil {
			continue
		}
		a.accepts = max(a.accepts, o.accepts)
		if digest != "" && o.digest == digest {
			a.ids = append(a.ids, id)
		}
		if other != "" && o.digest == other {
			a.otherIDs = append(a.otherIDs, id)
		}
	}
	slices.Sort(a.ids)
	slices.Sort(a.otherIDs)
	return a
}

// document is what is known of an endpoint without its contract.
func (a announced) document() contract.Document {
	doc := contract.Document{Name: a.name, Subject: a.subject, Request: &contract.Schema{}, Reply: &contract.Schema{}}
	for contentType := range strings.SplitSeq(a.accepts, ",") {
		if contentType = strings.TrimSpace(contentType); contentType != "" {
			doc.ContentTypes = append(doc.ContentTypes, contentType)
		}
	}
	return doc
}

// acceptsJSON reports whether an endpoint takes JSON. One that does not say what it takes does.
func acceptsJSON(doc contract.Document) bool {
	return len(doc.ContentTypes) == 0 || slices.Contains(doc.ContentTypes, wire.JSONMediaType)
}

// details is what the page shows of one endpoint and one contract.
type details struct {
	Problem  string             `json:"problem,omitempty"` // why there is no contract though it is announced
	Contract *contractView      `json:"contract,omitempty"`
	Changes  []contract.Finding `json:"changes,omitempty"`
	Sample   string             `json:"sample"` // a request
	JSON     bool               `json:"json"`   // it takes JSON
	Snippets []snippet          `json:"snippets"`
}

// contractView is a contract, for people.
type contractView struct {
	Description  string          `json:"description,omitempty"`
	Deprecated   string          `json:"deprecated,omitempty"`
	Idempotent   bool            `json:"idempotent"`
	Timeout      int64           `json:"timeout_ms,omitempty"`
	ContentTypes []string        `json:"content_types"`
	Bodies       []bodyView      `json:"bodies"`
	Examples     []exampleView   `json:"examples"`
	Document     json.RawMessage `json:"document"`
}

// bodyView is a request, a reply or an error.
type bodyView struct {
	Title  string `json:"title"`
	Note   string `json:"note,omitempty"`
	Type   string `json:"type"`
	Schema string `json:"schema,omitempty"` // none if the body is empty
}

// exampleView is an example, indented.
type exampleView struct {
	Request string `json:"request,omitempty"`
	Reply   string `json:"reply,omitempty"`
}

// endpoint answers with what is known of an endpoint: its contract with a digest, how to call it, and what has changed since
// the contract with another digest. Only what instances announce is asked for.
func (h *handler) endpoint(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	number, _ := strconv.Atoi(query.Get("endpoint"))
	digest, since := query.Get("digest"), query.Get("since")
	h.poller.mu.Lock()
	e := h.poller.fleet.byNumber[number]
	var a announced
	if e != nil {
		a = e.announced(digest, since)
	}
	h.poller.mu.Unlock()
	if e == nil {
		refuse(w, http.StatusNotFound, "there is no such endpoint any more")
		return
	}
	d, doc := details{}, a.document()
	if digest != "" {
		served, err := h.contract(r, a.service, a.ids, digest)
		if err != nil {
			d.Problem = clip(err.Error(), maxWords)
		} else {
			doc, d.Contract = served, viewContract(served)
		}
	}
	if since != "" && d.Contract != nil {
		if old, err := h.contract(r, a.service, a.otherIDs, since); err == nil {
			d.Changes = contract.Diff(old, doc)
		}
	}
	doc.Subject = a.subject // the contract is the word of somebody who answers
	d.Sample, d.Snippets, d.JSON = indent(example.Request(doc)), snippets(doc), acceptsJSON(doc)
	writeJSON(w, http.StatusOK, d)
}

// contract asks instances for a contract that they announce.
func (h *handler) contract(r *http.Request, service string, ids []string, digest string) (contract.Document, error) {
	ctx, cancel := context.WithTimeout(r.Context(), maxFetch)
	defer cancel()
	err := errors.New("no instance announces it any more")
	for _, id := range ids[:min(len(ids), maxTries)] {
		var doc contract.Document
		if doc, err = h.discovery.Contract(ctx, service, id, digest); err == nil {
			return doc, nil
		}
	}
	return contract.Document{}, err
}

func viewContract(doc contract.Document) *contractView {
	v := &contractView{
		Description: doc.Description, Deprecated: doc.Deprecated, Idempotent: doc.Idempotent, Timeout: doc.Timeout,
		ContentTypes: doc.ContentTypes, Document: doc.Bytes(), Examples: []exampleView{},
	}
	v.Bodies = append(v.Bodies, viewBody(doc, "Request", "", doc.Request), viewBody(doc, "Reply", "", doc.Reply))
	for _, e := range doc.Errors {
		var notes []string
		if e.Code != 0 {
			notes = append(notes, "code "+strconv.Itoa(e.Code))
		}
		if len(e.Aliases) > 0 {
			notes = append(notes, "also "+strings.Join(e.Aliases, ", "))
		}
		v.Bodies = append(v.Bodies, viewBody(doc, e.Tag, strings.Join(notes, ", "), e.Schema))
	}
	for _, e := range doc.Examples {
		v.Examples = append(v.Examples, exampleView{indent(e.Request), indent(e.Reply)})
	}
	return v
}

func viewBody(doc contract.Document, title, note string, s *contract.Schema) bodyView {
	v := bodyView{Title: title, Note: note}
	if s == nil {
		v.Type = "// an empty body"
		return v
	}
	v.Type = newTypeScript(doc).declare(title, s)
	v.Schema = indent(s.Bytes())
	return v
}

// indent returns JSON as people read it.
func indent(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return string(data)
	}
	return b.String()
}
