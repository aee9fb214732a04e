package runbook

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// survey is what the files and the database say before anything is planned.
type survey struct {
	source *migrate.Source
	state  migrate.State
	// known are the versions whose files were there when the database passed them.
	known []uint64
}

// look reads every file and asks the database where it stands.
func (f *flow) look(ctx context.Context) (survey, error) {
	source, err := migrate.ReadSource(f.Migrations, f.MigrationsFrom)
	if err != nil {
		return survey{}, &ops.Failure{
			Code: ops.ExitUsage, What: "the migrations in " + f.MigrationsFrom + " cannot be read",
			State: []string{"nothing was touched"}, Err: err,
		}
	}
	v := survey{source: source}
	f.source = source
	if f.conn == nil {
		return v, nil
	}
	if v.state, err = migrate.ReadState(ctx, f.conn); err != nil {
		return v, nothingChanged(err)
	}
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	known, err := ledger.KnownVersions(limited, f.conn)
	if err != nil {
		return v, nil //nolint:nilerr // without the ledger late files cannot be told, which the check says
	}
	for _, k := range known {
		v.known = append(v.known, k.Version)
	}
	return v, nil
}

// target is the version to reach: the one asked for, else the release's last.
func (f *flow) target(asked *uint64) uint64 {
	if asked != nil {
		return *asked
	}
	return f.Release.Target
}

// shownDigest is how much of a digest people are shown; the whole is in the data.
const shownDigest = 12

// recordPlan shows the plan: one line for the whole, one for each file, and with
// every detail also how each file runs and what it is made of.
func recordPlan(s *ops.Step, p *migrate.Plan, detailed bool) {
	whole := finding("plan", ops.Pass(planSummary(p)))
	for _, file := range p.Files {
		value := fileSummary(file)
		if detailed {
			value += "\n" + fileDetail(file)
		}
		whole.Evidence = append(whole.Evidence, ops.Fact{Name: file.ID(), Value: value})
	}
	if !p.Nothing() {
		whole.Evidence = append(whole.Evidence,
			ops.Fact{Name: "from", Value: p.Source},
			ops.Fact{Name: "sha256", Value: p.SHA256[:shownDigest] + "…"})
	}
	s.Record(whole)
}

func planSummary(p *migrate.Plan) string {
	if p.Nothing() {
		return fmt.Sprintf("nothing to do: the database is at version %s", version(p.From))
	}
	outside := 0
	for _, file := range p.Files {
		if !file.Transactional {
			outside++
		}
	}
	how := "all in transactions"
	if outside > 0 {
		how = fmt.Sprintf("%d outside a transaction, statement by statement", outside)
	}
	whose := "all of this release"
	if n := len(p.Foreign()); n > 0 {
		whose = fmt.Sprintf("%d not of this release", n)
	}
	return fmt.Sprintf("%s → %s · %s, %s, %s", version(p.From), version(p.To), files(len(p.Files)), how, whose)
}

// fileSummary says what a file does, as far as its text tells.
func fileSummary(file migrate.File) string {
	text := file.Name
	if effect := file.Touches().Summary(); effect != "" {
		text += " · " + effect
	}
	if !file.Transactional {
		text += " (" + file.NonTransactionalReason + ")"
	}
	if !file.Release {
		text += " (not of this release)"
	}
	return text
}

// fileDetail says how a file runs, whose it is, and what identifies it.
func fileDetail(file migrate.File) string {
	how := "in one transaction"
	if !file.Transactional {
		how = "statement by statement"
	}
	whose := "of this release"
	if !file.Release {
		whose = "not of this release"
	}
	if file.Done > 0 {
		how += fmt.Sprintf(", %d done already", file.Done)
	}
	return fmt.Sprintf("%s, %s, %s, sha256 %s…", counted(len(file.Statements), "statement", "statements"), how, whose, file.SHA256[:shownDigest])
}

func version(v int64) string {
	if v < 0 {
		return "none"
	}
	return fmt.Sprint(v)
}

func files(n int) string { return counted(n, "file", "files") }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// waiver is the reason for leaving a step out, "" for doing it.
func waiver(skip bool, reason string) string {
	if skip {
		return reason
	}
	return ""
}
