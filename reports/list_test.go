package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestListsFitTheirWidth(t *testing.T) {
	t.Parallel()
	list := List{
		Items:   []map[string]string{{"run": "01J"}},
		Columns: []string{"when", "who", "command", "outcome"},
		Rows: [][]string{
			{"2026-02-13 03:15 UTC", "alice@ops1", "migrate --env production", "done in 27 s"},
			{"2026-02-12 11:02 UTC", "bob\x1b[2J", "backup create", ""},
		},
		Empty: "no runs are recorded yet",
	}
	for _, width := range []int{40, 60, 80} {
		var b bytes.Buffer
		if err := list.Text(&b, Layout{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("list-%d.txt", width), b.Bytes())
	}
	var b bytes.Buffer
	if err := list.JSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "list.json", b.Bytes())

	b.Reset()
	if err := (List{Empty: "no runs are recorded yet", Items: []string(nil)}).Text(&b, Layout{}); err != nil || b.String() != "no runs are recorded yet\n" {
		t.Errorf("an empty list is %q, %v", b.String(), err)
	}
	for _, items := range []any{nil, []string(nil), []string{}} {
		b.Reset()
		if err := (List{Items: items}).JSON(&b); err != nil || !strings.Contains(b.String(), `"items": []`) {
			t.Errorf("%#v is %s, %v", items, b.String(), err)
		}
	}
}
