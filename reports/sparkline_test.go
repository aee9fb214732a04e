package reports

import (
	"strings"
	"testing"
	"unicode"
)

// Guards against a sparkline that a terminal without Unicode shows as rubbish, and one
// whose heights, or gaps, are no longer told apart there.
func TestASparklineIsSpelledInASCII(t *testing.T) {
	t.Parallel()
	const cells = "▁▂▃▄▅▆▇█·"
	spelled := Layout{ASCII: true}.spell(cells)
	if n := len([]rune(cells)); len(spelled) != n {
		t.Errorf("%d cells are spelled %q", n, spelled)
	}
	for i, r := range spelled {
		if r > unicode.MaxASCII || strings.ContainsRune(spelled[:i], r) {
			t.Errorf("%q in %q", r, spelled)
		}
	}
	if got := (Layout{}).spell(cells); got != cells {
		t.Errorf("where it can be shown it is %q", got)
	}
}
