package subject

import "strings"

// Tree finds patterns that overlap a given one among many, without looking at each. The zero value is empty.
type Tree[V any] struct {
	root node[V]
}

// node is one token of patterns, behind those that lead to it.
type node[V any] struct {
	next  map[string]*node[V] // by token, wildcards included
	value *V                  // of the pattern that ends here, nil if none does
}

// Add adds a pattern. One that is there already gets the new value.
func (t *Tree[V]) Add(pattern string, value V) {
	n := &t.root
	for token := range strings.SplitSeq(pattern, ".") {
		if n.next == nil {
			n.next = make(map[string]*node[V])
		}
		child := n.next[token]
		if child == nil {
			child = &node[V]{}
			n.next[token] = child
		}
		n = child
	}
	n.value = &value
}

// Overlapping returns the value of a pattern that overlaps the given one, as [Overlap] says, and whether there is one.
func (t *Tree[V]) Overlapping(pattern string) (V, bool) {
	if found := t.root.overlapping(pattern); found != nil {
		return *found, true
	}
	var none V
	return none, false
}

func (n *node[V]) overlapping(pattern string) *V {
	if all := n.next[">"]; all != nil {
		return all.value
	}
	token, rest, more := strings.Cut(pattern, ".")
	switch token {
	case ">":
		return n.any()
	case "*":
		for _, child := range n.next {
			if found := child.behind(rest, more); found != nil {
				return found
			}
		}
		return nil
	}
	for _, same := range []string{token, "*"} {
		if child := n.next[same]; child != nil {
			if found := child.behind(rest, more); found != nil {
				return found
			}
		}
	}
	return nil
}

// behind is what overlaps the rest of a pattern whose tokens so far lead here.
func (n *node[V]) behind(rest string, more bool) *V {
	if more {
		return n.overlapping(rest)
	}
	return n.value
}

// any returns the value of some pattern behind n.
func (n *node[V]) any() *V {
	for _, child := range n.next {
		if child.value != nil {
			return child.value
		}
		if found := child.any(); found != nil {
			return found
		}
	}
	return nil
}
