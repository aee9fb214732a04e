package postgres_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestNoRowKeepsAServiceFromReading guards the kill switch against a row that
// somebody writes by hand: what a service does not take the table does not take.
func TestNoRowKeepsAServiceFromReading(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	store := setUp(t, target)
	conn := pgtest.Connect(t, target)
	long, many := strings.Repeat("x", 129), make([]string, featureflag.MaxUsers+1)
	for i := range many {
		many[i] = "u"
	}
	const insert = `INSERT INTO clipperops.feature_flags (key, enabled_users) VALUES ('other', $1)`
	for _, users := range [][]string{{"a b"}, {"a,b"}, {""}, {"a", "b\t"}, {"\n"}, {"'"}, {`"`}, {long}, {strings.Repeat("ä", 65)}, many} {
		if _, err := featureflag.New("other", false, 0, users); err == nil {
			t.Errorf("a service takes the user %.20q", users[0])
		}
		if _, err := conn.Exec(t.Context(), insert, users); err == nil {
			t.Errorf("the table takes the user %.20q", users[0])
		}
	}
	for _, row := range []string{
		`('other', true, 0, '{NULL}')`, `('Other', true, 0, '{}')`, `('other', true, 101, '{}')`, `('other', true, -1, '{}')`, `('other', true, 'NaN', '{}')`,
	} {
		if _, err := conn.Exec(t.Context(), `INSERT INTO clipperops.feature_flags (key, enabled, percentage, enabled_users) VALUES `+row); err == nil {
			t.Errorf("the table takes %s", row)
		}
	}
	good := featureflagtest.New(t, true, 1250, "a", strings.Repeat("ä", 64), "漢字", "a\\b", "user@example")
	put(target)(t, good)
	state, err := store.Load(t.Context())
	if err != nil || !state[good.Key].Same(good) {
		t.Errorf("%s comes back as %s, %v", good, state[good.Key], err)
	}
}
