package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// verifyFile reads the whole file and compares it with the manifest.
func verifyFile(ctx context.Context, o LoadOptions, m *Manifest) error {
	f, err := os.Open(o.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != m.Bytes {
		return &pg.DamagedDump{What: fmt.Sprintf("%s is %d bytes long, its manifest says %d", o.File, info.Size(), m.Bytes)}
	}
	h := sha256.New()
	if _, err := io.Copy(h, o.watched(ctx, f, "verify", m.Bytes)); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != m.SHA256 {
		return &pg.DamagedDump{What: fmt.Sprintf("%s has the sha256 %s, its manifest says %s", o.File, sum, m.SHA256)}
	}
	return nil
}

// watched reads a file, telling how far, until ctx is done.
func (o LoadOptions) watched(ctx context.Context, r io.Reader, label string, total int64) io.Reader {
	return &watchedReader{ctx: ctx, r: r, report: &reporter{report: o.Progress}, p: ops.Progress{Label: label, Total: total, Unit: ops.UnitBytes}}
}

type watchedReader struct {
	ctx    context.Context //nolint:containedctx // an io.Reader has no other way to hear of it
	r      io.Reader
	report *reporter
	p      ops.Progress
}

func (w *watchedReader) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	w.p.Done += int64(n)
	if errors.Is(err, io.EOF) {
		w.report.finish(w.p)
	} else {
		w.report.tell(w.p)
	}
	return n, err
}
