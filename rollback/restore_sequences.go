package rollback

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
)

// sequences sets those that went with the tables to where they stood at last.
func (r *restorer) sequences(ctx context.Context) error {
	last := map[string]SavedSequence{}
	for _, a := range append([]ArchiveRef{r.saved.ArchiveRef}, r.saved.Late...) {
		for _, s := range a.Manifest.Sequences {
			last[s.quoted()] = s
		}
	}
	for _, s := range r.saved.Manifest.Sequences {
		s = last[s.quoted()]
		var now *uint32
		if err := r.conn.QueryRow(ctx, "SELECT to_regclass($1)::oid", s.quoted()).Scan(&now); err != nil {
			return err
		}
		if now != nil && *now == s.OID {
			continue // it never went
		}
		if now == nil {
			return &ops.Failure{Code: ops.ExitRefused, What: fmt.Sprintf("sequence %s is not there", s.Relation), Next: []string{"migrate up first: clipperops migrate"}}
		}
		if _, err := r.conn.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", s.quoted(), s.LastValue, s.IsCalled); err != nil {
			return err
		}
	}
	return nil
}
