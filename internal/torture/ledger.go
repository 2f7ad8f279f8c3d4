package main

import "sync"

const (
	// ledgerPage is how many calls one page of the ledger is for.
	ledgerPage = 1 << 16

	// mayRepeat is set in a call's entry if it may be run more than once, and denied if its caller was told that it was
	// not run. The rest of the entry counts.
	mayRepeat = 0x80
	denied    = 0x40
	maxTimes  = denied - 1
)

// ledger counts how often each call was run, over all instances. Ids are small numbers in a row.
type ledger struct {
	run string

	mu    sync.Mutex
	pages [][]uint8
	last  uint64 // the last id that was given out
}

// newCall returns the id of a new call, which may be run again or not.
func (l *ledger) newCall(again bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if l.last/ledgerPage >= uint64(len(l.pages)) {
		l.pages = append(l.pages, make([]uint8, ledgerPage))
	}
	if again {
		l.pages[l.last/ledgerPage][l.last%ledgerPage] = mayRepeat
	}
	return l.last
}

// ran notes that a handler runs for a call. What was not sent by this run is not noted.
func (l *ledger) ran(q question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.Run != l.run || q.ID > l.last {
		return
	}
	if n := &l.pages[q.ID/ledgerPage][q.ID%ledgerPage]; *n&maxTimes < maxTimes {
		*n++
	}
}

// times is how often a call was run.
func (l *ledger) times(id uint64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.pages[id/ledgerPage][id%ledgerPage] & maxTimes)
}

// deny notes that the caller was told that the call was not run, which must remain so.
func (l *ledger) deny(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages[id/ledgerPage][id%ledgerPage] |= denied
}

// made is how many calls were made.
func (l *ledger) made() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// audited is what the ledger shows at the end.
type audited struct {
	repeated  int      // calls that were run more than once, and may be
	forbidden []uint64 // those that may not
	untrue    []uint64 // calls that were run though their callers were told that they were not
}

func (l *ledger) audit() (a audited) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, page := range l.pages {
		for i, n := range page {
			id, times := uint64(p)*ledgerPage+uint64(i), n&maxTimes
			switch {
			case times < 2:
			case n&mayRepeat != 0:
				a.repeated++
			default:
				a.forbidden = append(a.forbidden, id)
			}
			if times > 0 && n&denied != 0 {
				a.untrue = append(a.untrue, id)
			}
		}
	}
	return a
}
