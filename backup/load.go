package backup

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/klauspost/pgzip"

	"github.com/clipper/clipperops/internal/pg"
)

// load feeds the dump to psql, all in one transaction, and returns its warnings.
func (s *restoring) load(ctx context.Context, m *Manifest) ([]string, error) {
	f, err := os.Open(s.o.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	sql, err := pgzip.NewReader(bufio.NewReaderSize(s.o.watched(ctx, f, "restore", m.Bytes), 1<<20))
	if err != nil {
		return nil, &pg.DamagedDump{What: fmt.Sprintf("%s is not a gzip file: %v", s.o.File, err)}
	}
	defer func() { _ = sql.Close() }() // ends its read-ahead; errors came with Read

	return pg.FeedDump(ctx, s.o.Programs.Psql, pg.DumpScript{
		SQL: sql, Name: s.o.File, Into: s.work, Major: s.server.Major(), Application: s.o.Application,
	})
}
