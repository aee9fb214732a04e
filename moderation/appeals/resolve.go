package appeals

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// ResolveEntry is the audit entry of a ruling, for those who refuse one earlier.
func ResolveEntry(by identity.User, from auditlog.Origin, appeal uuid.UUID, r Ruling) auditlog.Entry {
	e := auditlog.Entry{Action: auditlog.AppealResolve, Actor: by.ID, EntityType: "appeal", EntityID: appeal, Origin: from}
	if r != "" {
		e.Details = map[string]any{"ruling": r}
	}
	return e
}

// Resolve rules on a pending appeal; one that was ruled on stays as it is. Nobody
// rules on an appeal of their own.
func (a *Appeals) Resolve(ctx context.Context, by identity.User, from auditlog.Origin, id uuid.UUID, r Ruling, resolution string) (Appeal, error) {
	var appeal Appeal
	entry := ResolveEntry(by, from, id, r)
	err := a.audit.Do(ctx, &entry, func(ctx context.Context, tx pgx.Tx) (err error) {
		if appeal, err = forUpdate(ctx, tx, id); err != nil {
			return err
		}
		entry.TargetUser = appeal.UserID
		switch {
		case appeal.Status != Pending:
			return problem.New(problem.Conflict, "the appeal is resolved already").WithDetail("it was %s", appeal.Status)
		case appeal.UserID == by.ID:
			return problem.New(problem.Forbidden, "nobody resolves an appeal of their own")
		}
		rows, err := tx.Query(ctx, `UPDATE moderation_appeals SET status = $2, resolved_by = $3, resolution = nullif($4, ''), resolved_at = now()
			WHERE id = $1 RETURNING `+columns, id, becomes[r], by.ID, resolution)
		if err != nil {
			return err
		}
		appeal, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Appeal])
		return err
	})
	return appeal, err
}

func forUpdate(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Appeal, error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM moderation_appeals WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return Appeal{}, err
	}
	appeal, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Appeal])
	if errors.Is(err, pgx.ErrNoRows) {
		return Appeal{}, problem.New(problem.NotFound, "there is no such appeal")
	}
	return appeal, err
}
