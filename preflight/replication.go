package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// standbysSQL asks for what streams from this server. What the role may not see is null.
const standbysSQL = `
SELECT coalesce(application_name, ''), coalesce(host(client_addr), 'local'), coalesce(state, ''), coalesce(sync_state, ''),
       coalesce(extract(epoch FROM replay_lag), 0)::float8,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint
  FROM pg_catalog.pg_stat_replication ORDER BY 6 DESC, 1`

const idleSlotsSQL = `
SELECT slot_name::text, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint
  FROM pg_catalog.pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY 2 DESC, 1`

type downstream struct {
	name, address, state, sync string
	lag                        time.Duration
	behind                     int64
}

// replication is what is behind this server.
type replication struct {
	standbys []downstream
	slots    []downstream // that nobody reads
	// awaited is synchronous_standby_names where commits wait for them.
	awaited string
}

// checkReplication looks at who has to keep up: a change writes a lot at once. Where
// commits wait for a standby and there is none, the first of ours would wait for good.
func checkReplication(ctx context.Context, i *inspection) ops.Result {
	if i.Server.InRecovery {
		return ops.Skip("the server is a standby (db.primary)")
	}
	r, err := i.replication(ctx)
	if err != nil {
		return unanswered(err)
	}
	if len(r.standbys) == 0 && r.awaited != "" {
		return r.nobodyConfirms()
	}
	if len(r.standbys) > 0 {
		clear, err := i.sees(ctx)
		switch {
		case err != nil:
			return unanswered(err)
		case !clear:
			return ops.Skip("how far standbys are cannot be seen without pg_read_all_stats (db.visibility)")
		}
	}
	if r.awaited != "" && !r.confirmed() {
		return r.nobodyConfirms()
	}
	return i.judgeReplication(r)
}

func (i *inspection) replication(ctx context.Context) (replication, error) {
	var r replication
	err := i.Conn.QueryRow(ctx, `
		SELECT CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN '' ELSE current_setting('synchronous_standby_names') END`).
		Scan(&r.awaited)
	if err != nil {
		return r, err
	}
	rows, err := i.Conn.Query(ctx, standbysSQL)
	if err != nil {
		return r, err
	}
	r.standbys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (downstream, error) {
		var d downstream
		var lag float64
		err := row.Scan(&d.name, &d.address, &d.state, &d.sync, &lag, &d.behind)
		d.lag = time.Duration(lag * float64(time.Second))
		return d, err
	})
	if err != nil {
		return r, err
	}
	rows, err = i.Conn.Query(ctx, idleSlotsSQL)
	if err != nil {
		return r, err
	}
	r.slots, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (downstream, error) {
		var d downstream
		err := row.Scan(&d.name, &d.behind)
		return d, err
	})
	return r, err
}

func (r replication) confirmed() bool {
	for _, s := range r.standbys {
		if s.sync == "sync" || s.sync == "quorum" {
			return true
		}
	}
	return false
}

func (r replication) nobodyConfirms() ops.Result {
	return ops.Fail("commits wait for a synchronous standby, and none is connected",
		"start the standby, or: ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();"+again,
		append(r.facts(), ops.Fact{Name: "synchronous_standby_names", Value: r.awaited})...)
}

func (r replication) facts() []ops.Fact {
	var facts []ops.Fact
	for _, s := range r.standbys {
		facts = append(facts, ops.Fact{
			Name:  "standby " + s.title(),
			Value: fmt.Sprintf("%s, %s and %s behind", s.state, age(s.lag), size(s.behind)),
		})
	}
	for _, s := range r.slots {
		facts = append(facts, ops.Fact{Name: "slot " + s.name, Value: "nobody reads it; it keeps " + size(s.behind) + " of WAL on this server's disk"})
	}
	return limited(facts)
}

func (d downstream) title() string {
	if d.name == "" {
		return d.address
	}
	return d.name
}

func (i *inspection) judgeReplication(r replication) ops.Result {
	th := i.Thresholds
	var findings, fixes []string
	for _, s := range r.standbys {
		// The lag of one that has everything is that of the last time it had not.
		if s.behind > 0 && s.lag >= th.ReplicationLag || s.behind >= th.ReplicationBytes {
			findings = append(findings, fmt.Sprintf("standby %s is %s and %s behind", s.title(), age(s.lag), size(s.behind)))
			fixes = append(fixes, "wait until it has caught up: SELECT application_name, replay_lag FROM pg_stat_replication;")
		}
	}
	for _, s := range r.slots {
		if s.behind >= th.ReplicationBytes {
			findings = append(findings, fmt.Sprintf("slot %s keeps %s of WAL, and nobody reads it", s.name, size(s.behind)))
			fixes = append(fixes, fmt.Sprintf("start who reads it, or, when it is gone for good: SELECT pg_drop_replication_slot('%s');",
				strings.ReplaceAll(s.name, "'", "''")))
		}
	}
	switch {
	case len(findings) > 0:
		return ops.Warn(strings.Join(findings, "; "), distinct(fixes), r.facts()...)
	case len(r.standbys) == 0:
		return ops.Pass("no standby is connected", r.facts()...)
	}
	return ops.Pass(count(len(r.standbys), "standby keeps", "standbys keep")+" up", r.facts()...)
}
