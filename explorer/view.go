package explorer

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxTally is how many values of one kind are listed.
const maxTally = 8

// serviceView is a service as the page shows it.
type serviceView struct {
	Number      int            `json:"number"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Versions    []tally        `json:"versions"`
	Instances   int            `json:"instances"`
	Endpoints   []endpointView `json:"endpoints"`
}

// endpointView is an endpoint as the page shows it.
type endpointView struct {
	Number    int    `json:"number"`
	Name      string `json:"name"`
	Subject   string `json:"subject"`
	Instances int    `json:"instances"`
	Accepts   string `json:"accepts,omitempty"`
	// With more than one of each, instances disagree. The contract of the newest version comes first.
	QueueGroups []tally `json:"queue_groups"`
	Contracts   []tally `json:"contracts"`
}

// tally is how many instances say the same. An empty value is said, too: the instance is in no queue group, or announces no
// contract.
type tally struct {
	Value     string   `json:"value"`
	Instances int      `json:"instances"`
	Versions  []string `json:"versions,omitempty"` // of those instances
	More      int      `json:"more,omitempty"`     // values that are not listed
}

// view returns what the page shows of the fleet, apart from the samples.
func (f *fleet) view() []serviceView {
	all := make([]serviceView, 0, len(f.services))
	for _, name := range slices.Sorted(maps.Keys(f.services)) {
		all = append(all, f.services[name].view())
	}
	return all
}

func (s *service) view() serviceView {
	v := serviceView{
		Number: s.number, Name: s.name, Instances: len(s.instances), Endpoints: make([]endpointView, 0, len(s.endpoints)),
	}
	versions := tallies{}
	groups, contracts := map[*endpoint]tallies{}, map[*endpoint]tallies{}
	accepts, speaker := map[*endpoint]string{}, (*instance)(nil)
	for _, in := range s.instances {
		versions.add(in.version, "")
		if in.isInformed && (speaker == nil || compareSpeakers(in, speaker) > 0) {
			speaker = in
		}
		for e, o := range in.offers {
			if !o.inInfo && in.isInformed {
				continue // it is not served, see tidy
			}
			if groups[e] == nil {
				groups[e], contracts[e] = tallies{}, tallies{}
			}
			groups[e].add(o.queueGroup, "")
			contracts[e].add(o.digest, in.version)
			accepts[e] = max(accepts[e], o.accepts)
		}
	}
	v.Versions = versions.list(compareVersions)
	if speaker != nil {
		v.Description = speaker.description
	}
	for e := range maps.Values(s.endpoints) {
		view := endpointView{
			Number: e.number, Name: e.name, Subject: e.subject, Accepts: accepts[e],
			QueueGroups: groups[e].list(strings.Compare), Contracts: contracts[e].list(strings.Compare),
		}
		slices.SortStableFunc(view.Contracts, func(a, b tally) int { return compareVersions(b.newest(), a.newest()) })
		for _, t := range groups[e] {
			view.Instances += t.Instances
		}
		v.Endpoints = append(v.Endpoints, view)
	}
	slices.SortFunc(v.Endpoints, func(a, b endpointView) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.Name, b.Name))
	})
	return v
}

// compareSpeakers says whose words count: those of the newest version.
func compareSpeakers(a, b *instance) int {
	return cmp.Or(compareVersions(a.version, b.version), strings.Compare(a.id, b.id))
}

// tallies counts who says what.
type tallies map[string]*tally

func (t tallies) add(value, version string) {
	if t[value] == nil {
		t[value] = &tally{Value: value}
	}
	same := t[value]
	same.Instances++
	if version != "" && len(same.Versions) < maxTally && !slices.Contains(same.Versions, version) {
		same.Versions = append(same.Versions, version)
	}
}

// list returns the first few values in an order that does not depend on who answers first.
func (t tallies) list(compare func(a, b string) int) []tally {
	list := make([]tally, 0, min(len(t), maxTally))
	for _, value := range slices.SortedFunc(maps.Keys(t), compare) {
		if len(list) == maxTally {
			list[maxTally-1].More = len(t) - maxTally
			break
		}
		slices.SortFunc(t[value].Versions, compareVersions)
		list = append(list, *t[value])
	}
	return list
}

// newest returns the newest version of those who say so.
func (t tally) newest() string {
	if len(t.Versions) == 0 {
		return ""
	}
	return t.Versions[len(t.Versions)-1]
}

// compareVersions compares versions part by part, numbers as numbers, so that 1.10.0 is newer than 1.9.0.
func compareVersions(a, b string) int {
	split := func(r rune) bool { return r == '.' || r == '-' || r == '+' }
	left, right := strings.FieldsFunc(a, split), strings.FieldsFunc(b, split)
	for i := range min(len(left), len(right)) {
		m, errM := strconv.Atoi(left[i])
		n, errN := strconv.Atoi(right[i])
		c := strings.Compare(left[i], right[i])
		if errM == nil && errN == nil {
			c = cmp.Compare(m, n)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(left), len(right)), strings.Compare(a, b))
}

// instancesView is the instances of one service.
type instancesView struct {
	Service   string         `json:"service"`
	Instances int            `json:"instances"`
	Listed    []instanceView `json:"listed"`
}

// instanceView is one instance as the page shows it. What it holds is not changed any more: it is written without the lock.
type instanceView struct {
	ID        string            `json:"id"`
	Version   string            `json:"version"`
	Started   time.Time         `json:"started,omitzero"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Requests  int               `json:"requests"`
	Errors    int               `json:"errors"`
	PerSecond numbers           `json:"per_second"` // requests, errors, mean time of a request
	LastError string            `json:"last_error,omitempty"`
}

// instancesView returns the instances of a service, the first of them by their ids if there are many.
func (s *service) instancesView(limit int) instancesView {
	v := instancesView{Service: s.name, Instances: len(s.instances), Listed: []instanceView{}}
	for _, id := range slices.Sorted(maps.Keys(s.instances))[:min(len(s.instances), limit)] {
		v.Listed = append(v.Listed, s.instances[id].view())
	}
	return v
}

func (in *instance) view() instanceView {
	v := instanceView{ID: in.id, Version: in.version, Started: in.started, Metadata: in.metadata}
	var sum rates
	for _, o := range in.offers {
		v.Requests += o.reading.requests
		v.Errors += o.reading.errors
		v.LastError = max(v.LastError, o.reading.lastError)
		sum = sum.plus(o.rates)
	}
	v.PerSecond = sum.numbers(nil)
	return v
}
