package contract

// verdict is what a comparison amounts to.
type verdict int

const (
	fits verdict = iota
	doubtful
	breaks
)

// verdicts are needed where the reader has several alternatives for one type, to find one that fits. They are kept for
// each pair. A pair that is met again while it is being judged is taken to fit, since what it contains decides about it.
// If it turns out not to, what was concluded from that is forgotten, so each verdict that stays is right.
type verdicts struct {
	known map[pair]verdict
	trail []pair // in the order in which they became known
	depth int
}

// maxJudging bounds how deep verdicts need other ones, for the stack's sake.
const maxJudging = 5000

// judge returns the verdict about a pair.
func (c *comparison) judge(writer, reader *Schema) verdict {
	p := pair{writer, reader}
	if known, ok := c.verdicts.known[p]; ok {
		return known
	}
	return c.judging(p, func(j *judge) {
		c.compare(j, nil, writer, reader)
	})
}

// judgeNodes returns the verdict about one type between two alternatives.
func (c *comparison) judgeNodes(w *node, t Type, r *node) verdict {
	// The alternatives of one type are no pair that others refer to: the key is never met again.
	return c.judging(pair{&Schema{}, nil}, func(j *judge) {
		c.compareNodes(j, nil, w, t, r)
	})
}

func (c *comparison) judging(p pair, compare func(*judge)) verdict {
	v := &c.verdicts
	if v.depth >= maxJudging || !c.spend(1) {
		c.spend(exhausted)
		return doubtful
	}
	v.depth++
	defer func() { v.depth-- }()
	before := len(v.trail)
	v.known[p] = fits
	v.trail = append(v.trail, p)
	j := judge{comparison: c}
	compare(&j)
	if j.verdict == fits {
		return fits
	}
	for _, concluded := range v.trail[before:] {
		if v.known[concluded] != breaks {
			delete(v.known, concluded)
		}
	}
	v.trail = append(v.trail[:before], p)
	v.known[p] = j.verdict
	return j.verdict
}

// judge is a sink that keeps the worst.
type judge struct {
	*comparison

	verdict verdict
}

func (j *judge) foundf(_ *place, level Level, _ Rule, _ string, _ ...any) {
	switch level {
	case Breaking:
		j.verdict = breaks
	case Warning:
		j.verdict = max(j.verdict, doubtful)
	case Info:
	}
}

func (j *judge) later(_ *place, writer, reader *Schema) {
	if j.verdict != breaks {
		j.verdict = max(j.verdict, j.judge(writer, reader))
	}
}
