package explorer

import (
	"maps"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/wire"
)

// maxMissed is after how many questions in a row that it has not answered an instance is taken to be gone.
const maxMissed = 3

// maxSpread is over how many samples a difference of counters is spread, if an instance has not answered in between. Of a
// longer time nobody knows when things happened.
const maxSpread = 15

// inform takes in what instances say of themselves. isWhole says that these are all that are there.
func (f *fleet) inform(now time.Time, infos []micro.Info, isWhole bool) {
	f.unlisted = overflow{}
	told := make(map[*instance]bool, len(infos))
	for i := range infos {
		info := &infos[i]
		s, in := f.instanceOf(now, info.ServiceIdentity)
		if in == nil {
			continue
		}
		told[in], in.isInformed = true, true
		in.description, in.metadata = clip(info.Description, maxWords), clipMetadata(info.Metadata)
		for _, o := range in.offers {
			o.inInfo = false
		}
		for _, e := range info.Endpoints {
			if _, o := f.offerOf(now, s, in, e.Name, e.Subject); o != nil {
				o.inInfo, o.queueGroup = true, clip(e.QueueGroup, maxName)
				o.digest, o.accepts = clip(e.Metadata[wire.ContractKey], maxShort), clip(e.Metadata[wire.AcceptsKey], maxName)
			}
		}
		f.tidy(in)
	}
	// Whoever answers STATS is missed there, which is asked more often.
	f.forget(now, isWhole, func(in *instance) bool { return !told[in] && !in.isCounted }, 1)
}

// count takes in what instances have counted. It reports whether there is something new, of which INFO says more.
func (f *fleet) count(now time.Time, all []micro.Stats, isWhole bool) (isNew bool) {
	f.unlisted = overflow{}
	f.advance(now)
	told := make(map[*instance]bool, len(all))
	for i := range all {
		s, in := f.instanceOf(now, all[i].ServiceIdentity)
		if in == nil {
			continue
		}
		told[in] = true
		known, isKnown := len(in.offers), in.isInformed || in.isCounted
		f.countInstance(now, s, in, &all[i])
		isNew = isNew || !isKnown || len(in.offers) > known
		f.tidy(in)
	}
	f.forget(now, isWhole, func(in *instance) bool { return !told[in] && in.isCounted }, maxMissed)
	return isNew
}

// advance begins a sample. Questions are asked at regular times, more or less, so numbers follow the time, and none is
// there twice.
func (f *fleet) advance(now time.Time) {
	next := int64(1)
	if !f.sampledAt.IsZero() {
		next = max(1, int64((now.Sub(f.sampledAt)+statsEvery/2)/statsEvery))
	}
	f.sample += next
	f.changed, f.sampledAt = f.sample, now
}

// countInstance adds what an instance has done since its last answer to the samples since then.
func (f *fleet) countInstance(now time.Time, s *service, in *instance, stats *micro.Stats) {
	goesOn := in.isCounted && in.started.Equal(stats.Started) && f.sample-in.sample <= maxSpread
	for _, o := range in.offers {
		o.inStats = false
	}
	totals := make(map[*endpoint]reading, len(stats.Endpoints))
	for _, counted := range stats.Endpoints {
		if e, o := f.offerOf(now, s, in, counted.Name, counted.Subject); o != nil {
			totals[e] = totals[e].plus(readingOf(counted))
			o.inStats = true
		}
	}
	for e, total := range totals {
		o := in.offers[e]
		o.rates = rates{}
		if x, ok := total.since(o.reading, now.Sub(in.readAt)); ok && goesOn && o.isCounted {
			o.rates = x
			e.ring.add(in.sample, f.sample, x)
			f.changed = min(f.changed, in.sample+1)
		}
		o.reading, o.isCounted = total, true
	}
	in.isCounted, in.started, in.sample, in.readAt = true, stats.Started, f.sample, now
}

// tidy takes away what an instance does not serve any more. What only one of its answers has stays: STATS keeps the counts
// of an endpoint whose subscription is refused, and INFO leaves that out.
func (f *fleet) tidy(in *instance) {
	before := len(in.offers)
	maps.DeleteFunc(in.offers, func(_ *endpoint, o *offer) bool { return !o.inInfo && !o.inStats })
	f.offers -= before - len(in.offers)
}
