package queue

import (
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
)

// Queue reads and changes the cases. It is safe for use by many goroutines.
type Queue struct {
	pool  *database.Pool
	audit *auditlog.Log
}

// New is the queue in this database, with this record of what is done.
func New(pool *database.Pool, audit *auditlog.Log) *Queue { return &Queue{pool, audit} }
