package httpapi

import (
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/queue"
)

// maxUsername is the length of a user name in characters.
const maxUsername = 50

// sane reports whether a cursor's key can be a row's: a time that Postgres can
// hold, a priority that a case can have.
func sane(key any) bool {
	switch k := key.(type) {
	case queue.Key:
		return k.Priority >= 0 && k.Priority <= 100 && saneTime(k.CreatedAt)
	case queue.DecisionKey:
		return saneTime(k.CreatedAt)
	case appeals.Key:
		return saneTime(k.CreatedAt)
	case auditlog.Key:
		return saneTime(k.CreatedAt)
	case webpage.Key:
		return checkText("the cursor", k.Username, 1, maxUsername) == nil && k.ID != uuid.Nil
	}
	return false
}

func saneTime(at time.Time) bool { return at.Year() >= 1970 && at.Year() <= 9999 }
