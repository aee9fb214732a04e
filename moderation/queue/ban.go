package queue

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// authors finds the user behind some content. A clip knows its creator by the
// Twitch id alone.
var authors = map[ContentType]string{
	Comment:    `SELECT user_id FROM comments WHERE id = $1`,
	Submission: `SELECT user_id FROM clip_submissions WHERE id = $1`,
	User:       `SELECT id FROM users WHERE id = $1`,
	Clip:       `SELECT u.id FROM clips c JOIN users u ON u.twitch_id = c.creator_id WHERE c.id = $1`,
}

// Author is the user behind some content; uuid.Nil when the content is gone or its
// author is not a user of Clipper.
func Author(ctx context.Context, tx pgx.Tx, of ContentType, id uuid.UUID) (uuid.UUID, error) {
	var author uuid.UUID
	err := tx.QueryRow(ctx, authors[of], id).Scan(&author)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return author, err
}

// ban bans the author of the case's content from Clipper. Nobody bans themselves,
// and only an admin bans those who moderate.
func ban(ctx context.Context, tx pgx.Tx, by identity.User, item Item, reason string) (uuid.UUID, error) {
	author, err := Author(ctx, tx, item.ContentType, item.ContentID)
	if err != nil {
		return uuid.Nil, err
	}
	if author == uuid.Nil {
		return uuid.Nil, problem.New(problem.NotFound, "there is no user to ban").
			WithDetail("the content is gone, or its author is not a user of Clipper; reject it instead")
	}
	if author == by.ID {
		return author, problem.New(problem.Forbidden, "nobody bans themselves")
	}
	var role identity.Role
	if err := tx.QueryRow(ctx, `SELECT coalesce(role, '') FROM users WHERE id = $1 FOR UPDATE`, author).Scan(&role); err != nil {
		return author, err
	}
	if by.Role != identity.RoleAdmin && (identity.User{Role: role}).Moderates() {
		return author, problem.New(problem.Forbidden, "only an admin bans a moderator or an admin").WithDetail("escalate the case")
	}
	if reason == "" {
		reason = item.Reason
	}
	if _, err := tx.Exec(ctx, `UPDATE users SET is_banned = true WHERE id = $1`, author); err != nil {
		return author, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO user_bans (user_id, banned_by, reason)
		SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM user_bans WHERE user_id = $1 AND active AND expires_at IS NULL)`, author, by.ID, reason)
	return author, err
}
