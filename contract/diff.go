package contract

import (
	"slices"
	"strconv"
)

// Diff returns what a change of an endpoint does, for both orders of rollout: old clients that meet the new service if
// the service is rolled out first, new clients that meet the old one if the clients are. A finding that is the same in
// both has no [Rollout].
func Diff(old, changed Document) []Finding {
	serviceFirst := newMeeting(old, changed, Finding{Endpoint: changed.Name, Rollout: ServiceFirst, Hurt: OldClients})
	serviceFirst.client.who, serviceFirst.service.who = "an old client", "the new service"
	serviceFirst.compare()
	clientFirst := newMeeting(changed, old, Finding{Endpoint: changed.Name, Rollout: ClientFirst, Hurt: NewClients})
	clientFirst.client.who, clientFirst.service.who = "a new client", "the old service"
	clientFirst.compare()
	findings := merge(serviceFirst.findings(), clientFirst.findings())
	return sortFindings(append(findings, changes(old, changed)...))
}

// changes returns what changes whoever meets whom.
func changes(old, changed Document) []Finding {
	w := newWork(Finding{Endpoint: changed.Name}, "")
	if old.Deprecated == "" && changed.Deprecated != "" {
		w.add(Info, RuleDeprecated, "", "the endpoint is deprecated now: "+quote(changed.Deprecated))
	}
	if old.Name != changed.Name {
		w.add(Info, RuleName, "", "the endpoint was called "+quote(old.Name)+", which statistics and logs show")
	}
	if old.Timeout != changed.Timeout {
		w.add(Info, RuleTimeout, "", "a request may take "+milliseconds(changed.Timeout)+", which was "+milliseconds(old.Timeout))
	}
	if old.QueueGroup != changed.QueueGroup {
		w.about.Hurt = Clients
		w.add(Warning, RuleQueueGroup, "", "the queue group is "+changed.QueueGroup.String()+", which was "+
			old.QueueGroup.String()+": while instances of both run, each request runs once in both")
	}
	return w.findings()
}

// String says which group it is.
func (q QueueGroup) String() string {
	switch {
	case q.Disabled:
		return "none"
	case q.Name == "":
		return "the service's"
	default:
		return quote(q.Name)
	}
}

func milliseconds(n int64) string {
	if n == 0 {
		return "as long as the caller says"
	}
	return strconv.FormatInt(n, 10) + " ms"
}

func number(n int) string {
	return strconv.Itoa(n)
}

// merge makes one finding of two that say the same about both orders of rollout, and says of what hurts in one order
// only that the other one is a way out, if it is.
func merge(serviceFirst, clientFirst []Finding) []Finding {
	type subject struct {
		level Level
		rule  Rule
		path  string
	}
	both := map[subject]int{}
	for _, f := range clientFirst {
		both[subject{f.Level, f.Rule, f.Path}] = 1
	}
	var merged []Finding
	for _, f := range serviceFirst {
		if s := (subject{f.Level, f.Rule, f.Path}); both[s] > 0 {
			both[s] = 2
			f.Rollout, f.Hurt = "", Clients
		} else if worst(clientFirst) < f.Level {
			f.Advice = join(f.Advice, "or roll out clients first")
		}
		merged = append(merged, f)
	}
	for _, f := range clientFirst {
		if both[subject{f.Level, f.Rule, f.Path}] == 2 {
			continue
		}
		if worst(serviceFirst) < f.Level {
			f.Advice = join(f.Advice, "or roll out the service first")
		}
		merged = append(merged, f)
	}
	return merged
}

func worst(findings []Finding) Level {
	level := Info
	for _, f := range findings {
		level = max(level, f.Level)
	}
	return level
}

func join(advice, more string) string {
	if advice == "" {
		return more
	}
	return advice + ", " + more
}

// DiffAll is [Diff] for all endpoints of a service, and finds those that were removed, added, or moved. An endpoint is
// the same as before if its subject is; else if its name is, and there is only one of that name. One that stays under
// its old subject while the same appears under a new one has not moved: that is how endpoints are renamed.
func DiffAll(old, changed []Document) []Finding {
	p := pairing{old: slices.Clone(old), changed: slices.Clone(changed)}
	p.match(func(o, c Document) bool { return o.Subject == c.Subject && o.Name == c.Name })
	p.match(func(o, c Document) bool { return o.Subject == c.Subject })
	p.match(func(o, c Document) bool {
		return o.Name == c.Name && isOnly(p.old, o.Name) && isOnly(p.changed, c.Name)
	})
	p.match(func(o, c Document) bool { return covers(c.Subject, o.Subject) })
	said := make(map[string]int, len(p.changed)) // what they say to where they are
	for i, c := range slices.Backward(p.changed) {
		said[words(c)] = i
	}
	renamed := map[int]bool{}
	for _, o := range p.old {
		i, ok := said[words(o)]
		if !ok || renamed[i] {
			p.add(Breaking, RuleRemoved, o.Name, "the endpoint is not served any more on "+quote(o.Subject), ServiceFirst, OldClients)
			continue
		}
		renamed[i] = true
		c := p.changed[i]
		p.add(Breaking, RuleRenamed, o.Name, "the endpoint is now "+quote(c.Name)+" on "+quote(c.Subject)+
			", and not served any more on "+quote(o.Subject), "", Clients)
	}
	for i, c := range p.changed {
		if renamed[i] {
			continue
		}
		p.add(Info, RuleAdded, c.Name, "the endpoint is new: a client that calls it before the service has it gets no answer",
			ClientFirst, "")
	}
	return sortFindings(p.findings)
}

// pairing finds the documents of the same endpoint. What it has found is taken out of both lists.
type pairing struct {
	old, changed []Document
	findings     []Finding
}

func (p *pairing) match(same func(old, changed Document) bool) {
	var left []Document
	for _, o := range p.old {
		i := slices.IndexFunc(p.changed, func(c Document) bool { return same(o, c) })
		if i < 0 {
			left = append(left, o)
			continue
		}
		p.findings = append(p.findings, Diff(o, p.changed[i])...)
		p.changed = slices.Delete(p.changed, i, i+1)
	}
	p.old = left
}

func (p *pairing) add(level Level, rule Rule, endpoint, message string, rollout Rollout, hurt Party) {
	p.findings = append(p.findings, Finding{
		Level: level, Rule: rule, Endpoint: endpoint, Message: message, Advice: advice(rule), Rollout: rollout, Hurt: hurt,
	})
}

func isOnly(documents []Document, name string) bool {
	n := 0
	for _, d := range documents {
		if d.Name == name {
			n++
		}
	}
	return n == 1
}

// words returns the digest of what a document says apart from its name and its subject.
func words(d Document) string {
	d.Name, d.Subject = "", ""
	return d.Digest()
}
