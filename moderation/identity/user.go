package identity

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/database"
)

// Role is what a user is in Clipper; it comes from the database alone.
type Role string

// The roles, from least to most.
const (
	RoleUser      Role = "user"
	RoleModerator Role = "moderator"
	RoleAdmin     Role = "admin"
)

// User is somebody who asks.
type User struct {
	ID       uuid.UUID
	Role     Role
	TwitchID string // the linked Twitch account; "" when there is none
	Banned   bool
}

// Moderates reports whether the user may read and decide on Clipper's own queue.
func (u User) Moderates() bool { return u.Role == RoleModerator || u.Role == RoleAdmin }

// ErrUnknown says that no user has the id that the token names.
var ErrUnknown = errors.New("no such user")

// Users reads users.
type Users struct{ pool *database.Pool }

// NewUsers reads users from this pool.
func NewUsers(pool *database.Pool) *Users { return &Users{pool} }

// Lookup reads the user with this id as the database has it now: a ban or a lost
// role counts from the next request on. The error is ErrUnknown when there is none.
func (u *Users) Lookup(ctx context.Context, id uuid.UUID) (User, error) {
	var user User
	err := u.pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT id, coalesce(role, ''), coalesce(twitch_id, ''), coalesce(is_banned, false) FROM users WHERE id = $1`, id).
			Scan(&user.ID, &user.Role, &user.TwitchID, &user.Banned)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, ErrUnknown
	}
	return user, err
}
