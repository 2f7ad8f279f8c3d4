package contract

// Fits answers one question: does every value that the writer can write mean the same to the reader? Without a finding
// it does. The package documentation lists the rules.
//
// The schemas bring the definitions that they refer to; [Document.RequestSchema] and its kind return such. Names are
// compared as JSON has them, and as msgpack has them if either schema says that they differ there.
//
// Fits ends for each pair of schemas, whatever they are: the work is bounded, and if that is not enough the last finding
// says so. It is safe for concurrent use.
func Fits(writer, reader Schema) []Finding {
	w := newWork(Finding{}, "")
	c := comparison{
		work: w, writer: side{defs: writer.Defs, who: "the writer"}, reader: side{defs: reader.Defs, who: "the reader"},
	}
	c.run(&writer, &reader)
	if hasMsgpackNames(writer.Defs, &writer) || hasMsgpackNames(reader.Defs, &reader) {
		w.note = "in msgpack "
		c.msgpack = true
		c.run(&writer, &reader)
	}
	return sortFindings(w.findings())
}

// side is one of the two sides of a comparison.
type side struct {
	defs   map[string]*Schema
	who    string // such as "the new service"
	shapes map[*Schema]*shape
}

// pair is a schema of the writer with one of the reader that is to take its values.
type pair struct {
	writer, reader *Schema
}

// task is a pair that is still to be compared, and where it was met.
type task struct {
	pair
	at *place
}

// comparison compares a schema with another one: all pairs that are reached from there, each once, the nearest first.
// So a definition that is used in several places is reported in the first of them, and recursion ends.
type comparison struct {
	*work
	writer, reader side
	ignoring       bool // what the reader ignores is none of its concern, as in replies
	msgpack        bool
	anything, text *Schema
	queue          []task
	met            map[pair]bool
	verdicts       verdicts
}

func (c *comparison) begin() {
	c.anything, c.text = &Schema{}, &Schema{Types: []Type{String}}
	c.writer.shapes, c.reader.shapes = map[*Schema]*shape{}, map[*Schema]*shape{}
	c.met = map[pair]bool{}
	c.verdicts = verdicts{known: map[pair]verdict{}}
}

// alike reports whether the reader takes all that the writer writes, without telling why not.
func (c *comparison) alike(writer, reader *Schema) bool {
	c.begin()
	return c.judge(writer, reader) == fits
}

// run compares two schemas and all that is below them.
func (c *comparison) run(writer, reader *Schema) {
	c.begin()
	c.later(nil, writer, reader)
	for len(c.queue) > 0 && c.spend(1) {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.compare(c, next.at, next.writer, next.reader)
	}
	c.queue = nil
}

// sink is what a comparison of one pair tells: what it has found itself, and which pairs decide about the rest. There are
// two, for the report and for a verdict alone.
type sink interface {
	foundf(at *place, level Level, rule Rule, format string, args ...any)
	later(at *place, writer, reader *Schema)
}

func (c *comparison) later(at *place, writer, reader *Schema) {
	p := pair{writer, reader}
	if !c.met[p] {
		c.met[p] = true
		c.queue = append(c.queue, task{p, at})
	}
}

// compare tells what it finds about a pair. Each alternative of the writer must find one of the reader's.
func (c *comparison) compare(out sink, at *place, writer, reader *Schema) {
	ws, rs := c.shape(writer, &c.writer), c.shape(reader, &c.reader)
	if rs.open && !rs.mixed && !ws.raw {
		return
	}
	if ws.mixed || rs.mixed {
		out.foundf(at, Warning, RuleKeyword, "cannot tell: a reference or anyOf stands beside other keywords, or leads out of the document")
	}
	for _, w := range ws.nodes {
		if !c.spend(1 + len(rs.nodes)) {
			return
		}
		if w.raw || rs.onlyRaw() {
			c.compareRaw(out, at, w, rs)
			continue
		}
		if w.types == nil {
			out.foundf(at, Warning, RuleOpaque, "cannot tell: %s does not say what it writes, and %s reads %s",
				c.writer.who, c.reader.who, rs)
			continue
		}
		c.unjudged(out, at, w)
		for _, t := range w.types {
			c.compareType(out, at, w, t, rs)
		}
	}
}

// compareRaw compares bodies that are not JSON: they must be of the same kind.
func (c *comparison) compareRaw(out sink, at *place, w *node, rs *shape) {
	for _, r := range rs.nodes {
		if w.raw && r.raw && w.ContentMediaType == r.ContentMediaType && w.ContentEncoding == r.ContentEncoding &&
			w.Format == r.Format {
			return
		}
	}
	out.foundf(at, Breaking, RuleEncoding, "%s writes %s, %s reads %s", c.writer.who, w, c.reader.who, rs)
}

// compareType compares what an alternative of the writer writes of one type.
func (c *comparison) compareType(out sink, at *place, w *node, t Type, rs *shape) {
	var candidates []*node
	fraction := false
	for _, r := range rs.nodes {
		if r.takes(t) {
			candidates = append(candidates, r)
		}
		fraction = fraction || t == Number && r.takes(Integer)
	}
	switch {
	case len(candidates) == 1:
		c.compareNodes(out, at, w, t, candidates[0])
	case len(candidates) > 1:
		c.compareUnion(out, at, w, t, candidates)
	case t == Null:
		out.foundf(at, Breaking, RuleNull, "%s may write null, %s reads %s", c.writer.who, c.reader.who, rs)
	case fraction:
		out.foundf(at, Breaking, RuleType, "%s writes numbers with fractions, %s reads %s", c.writer.who, c.reader.who, rs)
	default:
		out.foundf(at, Breaking, RuleType, "%s writes %s, %s reads %s", c.writer.who, withArticle(t), c.reader.who, rs)
	}
}

// compareUnion looks for one alternative of the reader that takes all that is written.
func (c *comparison) compareUnion(out sink, at *place, w *node, t Type, candidates []*node) {
	best := breaks
	for _, r := range candidates {
		if best = min(best, c.judgeNodes(w, t, r)); best == fits {
			return
		}
	}
	if best == doubtful {
		out.foundf(at, Warning, RuleUnion, "cannot tell whether one of the %d alternatives of %s takes %s of %s",
			len(candidates), c.reader.who, plural(t), c.writer.who)
		return
	}
	out.foundf(at, Breaking, RuleUnion, "none of the %d alternatives of %s takes all %s of %s",
		len(candidates), c.reader.who, plural(t), c.writer.who)
}

// compareNodes compares values of one type between an alternative of each side.
func (c *comparison) compareNodes(out sink, at *place, w *node, t Type, r *node) {
	c.keywords(out, at, w, r)
	if !c.compareEnum(out, at, w, t, r) {
		return
	}
	if w.values != nil && (t == Array || t == Object) {
		// What is in the values that it lists is not compared with what is asked of their parts.
		if !r.list {
			out.foundf(at, Warning, RuleOpaque, "cannot tell: %s lists the %s that it writes, and does not describe them", c.writer.who, plural(t))
		}
		return
	}
	switch t {
	case Integer, Number:
		c.compareNumbers(out, at, w, t, r)
	case String:
		c.compareStrings(out, at, w, r)
	case Array:
		c.compareArrays(out, at, w, r)
	case Object:
		c.compareObjects(out, at, w, r)
	case Null, Boolean:
	}
}
