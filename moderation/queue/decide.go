package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// Choice is what a moderator says about a case.
type Choice struct {
	Item    uuid.UUID
	Verdict Verdict
	Reason  string
}

// DecisionEntry is the audit entry of a decision, for those who refuse one earlier.
func DecisionEntry(by identity.User, from auditlog.Origin, c Choice) auditlog.Entry {
	e := auditlog.Entry{
		Action: auditlog.QueueDecision, Actor: by.ID, EntityType: "queue_item", EntityID: c.Item, Reason: c.Reason, Origin: from,
	}
	if c.Verdict != "" {
		e.Details = map[string]any{"decision": c.Verdict}
	}
	return e
}

// Decide writes the decision, the case's new state, a ban if that was decided, and
// the audit row in one transaction. A case is decided once: whoever comes second
// is told 409. Only one that was escalated is decided once more, by an admin.
func (q *Queue) Decide(ctx context.Context, by identity.User, from auditlog.Origin, c Choice) (Decision, Item, error) {
	var decision Decision
	var item Item
	entry := DecisionEntry(by, from, c)
	err := q.audit.Do(ctx, &entry, func(ctx context.Context, tx pgx.Tx) (err error) {
		if item, err = forUpdate(ctx, tx, c.Item); err != nil {
			return err
		}
		if err := mayDecide(by, item, c.Verdict); err != nil {
			return err
		}
		if c.Verdict == BanUser {
			if entry.TargetUser, err = ban(ctx, tx, by, item, c.Reason); err != nil {
				return err
			}
		} else if entry.TargetUser, err = Author(ctx, tx, item.ContentType, item.ContentID); err != nil {
			return err
		}
		if decision, err = insertDecision(ctx, tx, by, c); err != nil {
			return err
		}
		entry.Details["decision_id"] = decision.ID
		_, err = tx.Exec(ctx, `UPDATE moderation_queue SET status = $2, reviewed_by = $3, reviewed_at = now() WHERE id = $1`, c.Item, becomes[c.Verdict], by.ID)
		if err != nil {
			return err
		}
		item, err = one(ctx, tx, c.Item)
		return err
	})
	return decision, item, err
}

// forUpdate reads the case and holds it: of two moderators who decide at the same
// moment the second sees what the first did.
func forUpdate(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Item, error) {
	rows, err := tx.Query(ctx, `SELECT `+itemColumns+` FROM moderation_queue WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return Item{}, err
	}
	item, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Item])
	if errors.Is(err, pgx.ErrNoRows) {
		return Item{}, problem.New(problem.NotFound, "there is no such case")
	}
	return item, err
}

func mayDecide(by identity.User, item Item, v Verdict) error {
	switch {
	case item.Status == Pending:
		return nil
	case item.Status == Escalated && by.Role == identity.RoleAdmin && v != Escalate:
		return nil
	case item.Status == Escalated:
		return problem.New(problem.Conflict, "the case is escalated already").WithDetail("an admin decides it")
	default:
		return problem.New(problem.Conflict, "the case is decided already").WithDetail("it is %s", item.Status)
	}
}

func insertDecision(ctx context.Context, tx pgx.Tx, by identity.User, c Choice) (Decision, error) {
	rows, err := tx.Query(ctx, `INSERT INTO moderation_decisions (queue_item_id, moderator_id, action, reason)
		VALUES ($1, $2, $3, nullif($4, '')) RETURNING `+decisionColumns, c.Item, by.ID, c.Verdict, c.Reason)
	if err != nil {
		return Decision{}, fmt.Errorf("writing the decision: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Decision])
}
