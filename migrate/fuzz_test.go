package migrate_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/migrate"
)

// FuzzReadSource: whatever a file holds, it is read, judged and shown without a
// panic, and a file without a problem has statements that stand in it.
func FuzzReadSource(f *testing.F) {
	for _, body := range []string{
		"CREATE TABLE a.b (id int REFERENCES c, LIKE d) INHERITS (e)", "ALTER TABLE ONLY t * DROP a, ALTER b TYPE int, RENAME TO c; DROP TABLE c",
		"WITH x AS (DELETE FROM a RETURNING *) UPDATE b SET c = 1 FROM x, LATERAL f(1) AS y", "GRANT a TO b; REVOKE ALL ON SCHEMA x FROM y, PUBLIC",
		"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT", "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)", "COPY a FROM stdin;\n1\n\\.\n",
		"DO $$ BEGIN COMMIT; END $$", "SET search_path = 'x', y; SET ROLE z", "REINDEX (CONCURRENTLY off) TABLE t", "\\i x", "(SELECT 1)", "ALTER", "DROP", "CLUSTER",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		src, err := migrate.ReadSource(fstest.MapFS{"1_a.up.sql": {Data: []byte(body)}, "1_a.down.sql": {Data: []byte("SELECT 1")}}, "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		p, err := migrate.PlanUp(src, clean(-1), 1, nil)
		if err != nil {
			failure(t, err, 4)
			return
		}
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		file := p.Files[0]
		_ = file.Touches().Summary()
		if len(file.Statements) == 0 {
			t.Error("a file without a statement was planned")
		}
		for _, st := range file.Statements {
			if !strings.Contains(file.Body, st.Text) {
				t.Errorf("%q is not in the file", st.Text)
			}
		}
	})
}
