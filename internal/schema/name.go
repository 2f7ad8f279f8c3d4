package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

var (
	// typePath is what stands before the name of a type argument: its import path.
	typePath = regexp.MustCompile(`[^\[\],\s*(){}"]*\.`)

	// localType is what the compiler puts behind the name of a type that was declared in a function.
	localType = regexp.MustCompile(`·\d+`)

	// inName is what a name in $defs may have: such a name can be one in any language, and stands in a URI.
	notInName = regexp.MustCompile(`[^\pL\d]+`)
)

// nameFor takes a name in $defs for a type: its own, and those of its type arguments. A second one of that name has its
// number behind it.
func (g *generator) nameFor(t reflect.Type) string {
	name := baseName(t)
	free := name
	for i := 2; g.used[free]; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	g.used[free] = true
	return free
}

func baseName(t reflect.Type) string {
	name := localType.ReplaceAllString(typePath.ReplaceAllString(t.Name(), ""), "")
	return strings.Trim(notInName.ReplaceAllString(name, "_"), "_")
}
