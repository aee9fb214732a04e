package appeals

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

// CreateEntry is the audit entry of an appeal, for those who refuse one earlier.
func CreateEntry(by identity.User, from auditlog.Origin, decision uuid.UUID) auditlog.Entry {
	return auditlog.Entry{Action: auditlog.AppealCreate, Actor: by.ID, EntityType: "decision", EntityID: decision, Origin: from}
}

// Create appeals against a decision. Only the user whose content it was about may,
// and while one appeal is pending there is no second.
func (a *Appeals) Create(ctx context.Context, by identity.User, from auditlog.Origin, decision uuid.UUID, reason string) (Appeal, error) {
	var appeal Appeal
	entry := CreateEntry(by, from, decision)
	err := a.audit.Do(ctx, &entry, func(ctx context.Context, tx pgx.Tx) error {
		if err := concerned(ctx, tx, by, decision); err != nil {
			return err
		}
		// DO NOTHING waits for one who is at it at the same moment, and returns no row
		// when that one was first.
		rows, err := tx.Query(ctx, `
			INSERT INTO moderation_appeals (user_id, moderation_action_id, reason) VALUES ($1, $2, $3)
			ON CONFLICT (moderation_action_id) WHERE status = 'pending' DO NOTHING
			RETURNING `+columns, by.ID, decision, reason)
		if err != nil {
			return err
		}
		appeal, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Appeal])
		if errors.Is(err, pgx.ErrNoRows) {
			return problem.New(problem.Conflict, "an appeal against this decision is pending already")
		}
		entry.Details = map[string]any{"appeal_id": appeal.ID}
		return err
	})
	return appeal, err
}

// concerned refuses everybody but the user whom the decision was about. To others
// it does not say whether there is such a decision.
func concerned(ctx context.Context, tx pgx.Tx, by identity.User, decision uuid.UUID) error {
	none := problem.New(problem.NotFound, "there is no such decision about you")
	var about queue.ContentType
	var content uuid.UUID
	err := tx.QueryRow(ctx, `SELECT q.content_type, q.content_id FROM moderation_decisions d
		JOIN moderation_queue q ON q.id = d.queue_item_id WHERE d.id = $1`, decision).Scan(&about, &content)
	if errors.Is(err, pgx.ErrNoRows) {
		return none
	}
	if err != nil {
		return err
	}
	author, err := queue.Author(ctx, tx, about, content)
	if err == nil && author != by.ID {
		return none
	}
	return err
}
