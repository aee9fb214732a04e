package migrate_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestNoFileIsBlamedForWhatTheServerLacks guards against "mend the file" where a right or a
// package is missing.
func TestNoFileIsBlamedForWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer pgconn.PgError
		want   string
	}{
		{pgconn.PgError{Code: "42501", Message: "permission denied for table users"}, "grant"},
		{pgconn.PgError{Code: "42501", Message: "must be owner of table users"}, "grant"},
		{pgconn.PgError{Code: "0A000", Message: `extension "pgvector" is not available`}, "install the extension"},
		{pgconn.PgError{Code: "58P01", Message: `could not open extension control file "/usr/share/x.control": No such file or directory`}, "install the extension"},
		{pgconn.PgError{Code: "0A000", Message: "cannot alter type of a column used by a view"}, ""},
		{pgconn.PgError{Code: "42P01", Message: `relation "userz" does not exist`}, ""},
	} {
		got := migrate.Mend(&tt.answer)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.answer.Message, got, tt.want)
		}
	}
}
