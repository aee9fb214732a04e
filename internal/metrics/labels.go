package metrics

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// String writes the labels as PromQL does: name{label="value"}.
func (l Labels) String() string {
	name, named := l["__name__"]
	var pairs []string
	if named && !legacy.MatchString(name) {
		pairs, name = append(pairs, strconv.Quote(name)), ""
	}
	for _, label := range slices.Sorted(maps.Keys(l)) {
		if label == "__name__" {
			continue
		}
		value := "=" + strconv.Quote(l[label])
		if !legacy.MatchString(label) {
			label = strconv.Quote(label)
		}
		pairs = append(pairs, label+value)
	}
	if len(pairs) == 0 && name != "" {
		return name
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// legacy are the names that PromQL takes without quotes.
var legacy = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
