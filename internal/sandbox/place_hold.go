package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// CanHold looks for programs that are new enough and have the extensions; no server is
// started. What an image holds only its server tells.
func (p throwaway) CanHold(ctx context.Context, r pg.CloneRequest) error {
	if err := r.Validate(); err != nil {
		return err
	}
	conn, err := pg.Connect(ctx, r.Source, pg.ConnOptions{Application: r.Application, ReadOnly: true})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	server, err := pg.Describe(ctx, conn)
	if err != nil {
		return p.failure(ctx, err)
	}
	rows, _ := conn.Query(ctx, `
		SELECT extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
		 UNION SELECT name::text FROM pg_catalog.pg_available_extensions WHERE name = ANY ($1) ORDER BY 1`, r.Extensions)
	wanted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return p.failure(ctx, err)
	}
	install, err := FindFor(ctx, ServerOptions{PathEnv: p.o.PathEnv, Backend: p.o.Backend, BinDir: p.o.BinDir, Image: p.o.Image}, server.Major())
	if err != nil {
		return p.failure(ctx, err)
	}
	lacking := slices.DeleteFunc(wanted, func(name string) bool { return !install.lacks(ctx, name) })
	if len(lacking) == 0 {
		return nil
	}
	f := &ops.Failure{Code: ops.ExitRefused, State: []string{"nothing was touched"}}
	for i, name := range lacking {
		if i == 0 {
			f.What = thePlace + " cannot hold a clone of " + r.Source.Database + ": the extension " + name + " is not installed there"
		} else {
			f.Detail = append(f.Detail, "the extension "+name+" is not installed there")
		}
		f.Next = append(f.Next, fmt.Sprintf("install the extension %s for PostgreSQL %d on this machine", name, install.Major))
	}
	f.Next = append(f.Next, insteadSame)
	return f
}

// lacks reports whether an extension is surely not there.
func (i Installation) lacks(ctx context.Context, extension string) bool {
	if i.BinDir == "" {
		return false
	}
	answer, err := exec.CommandContext(ctx, filepath.Join(i.BinDir, "pg_config"), "--sharedir").Output()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(strings.TrimSpace(string(answer)), "extension", extension+".control"))
	return errors.Is(err, fs.ErrNotExist)
}
