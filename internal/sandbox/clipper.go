package sandbox

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/migrations"
)

// ClipperVersion is the schema version a Clipper database of ours begins at:
// the moderation release's floor.
const ClipperVersion = 10

// clipperFile is the baseline among the embedded migrations.
const clipperFile = "000010_clipper_base.up.sql"

// ApplyClipper makes an empty database a Clipper at version 10: the baseline
// and golang-migrate's clean version row, in one transaction.
func ApplyClipper(ctx context.Context, target config.Target) error {
	sql, err := migrations.FS.ReadFile(clipperFile)
	if err != nil {
		return err
	}
	conn, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // committed or not, the answer is in err
	script := fmt.Sprintf(`BEGIN;
%s;
CREATE TABLE IF NOT EXISTS schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
DELETE FROM schema_migrations;
INSERT INTO schema_migrations (version, dirty) VALUES (%d, false);
COMMIT`, sql, ClipperVersion)
	if _, err := conn.Exec(ctx, script); err != nil {
		return fmt.Errorf("%s: %w", clipperFile, err)
	}
	return nil
}
