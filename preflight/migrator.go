package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// lockIDs are the advisory locks of whoever migrates this database.
func (i *inspection) lockIDs() []int64 {
	if len(i.LockIDs) > 0 {
		return i.LockIDs
	}
	migrate := pg.MigrateLockIDs(i.Server.Database, i.State.Schema, "schema_migrations")
	return []int64{pg.OperatorLockID, migrate[0], migrate[1]}
}

// others leaves out our own sessions.
func (i *inspection) others(holders []pg.Holder) []pg.Holder {
	return slices.DeleteFunc(holders, func(h pg.Holder) bool { return slices.Contains(i.OwnPIDs, h.PID) })
}

// checkMigrator looks at the locks themselves, which everyone can see.
func checkMigrator(ctx context.Context, i *inspection) ops.Result {
	holders, err := pg.Holders(ctx, i.Conn, i.lockIDs()...)
	if err != nil {
		return unanswered(err)
	}
	holders = i.others(holders)
	if len(holders) == 0 {
		return ops.Pass("nobody else holds the lock of clipperops or golang-migrate")
	}
	var facts []ops.Fact
	fixes := []string{"wait until it is done, then run preflight again"}
	for _, h := range holders {
		facts = append(facts, ops.Fact{Name: h.What, Value: h.String()})
		fixes = append(fixes, fmt.Sprintf("or, when nobody sits behind it any more: SELECT pg_terminate_backend(%d);", h.PID))
	}
	return ops.Fail("another operator is migrating: pid "+fmt.Sprint(holders[0].PID)+" holds "+holders[0].What, distinct(fixes), limited(facts)...)
}
