package runbook

import (
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/clipper/clipperops/rollback"
)

// MigrateData is what a migration's JSON holds under "data": the plan's own fields,
// and what its rehearsal measured.
type MigrateData struct {
	migrate.PlanData
	Rehearsal *RehearsalData `json:"rehearsal,omitempty"`
}

// RollbackData is what a rollback's JSON holds under "data".
type RollbackData struct {
	Plan      *migrate.Plan  `json:"plan"`
	Loss      rollback.Loss  `json:"loss"`
	Rehearsal *RehearsalData `json:"rehearsal,omitempty"`
}

// RehearsalData is what a rehearsal measured. Times are in nanoseconds.
type RehearsalData struct {
	Mode  rehearsal.Mode  `json:"mode"`
	Place string          `json:"place"`
	Took  time.Duration   `json:"took_ns"`
	Rates rehearsal.Rates `json:"rates"`
	// CloneDiffers is how the clone was unlike the database.
	CloneDiffers []pg.Change `json:"clone_differs"`
	Passes       []PassData  `json:"passes"`
}

// PassData is one way over the clone.
type PassData struct {
	Pass      rehearsal.PassName `json:"pass"`
	Direction migrate.Direction  `json:"direction"`
	Took      time.Duration      `json:"took_ns"`
	// Reached is the version at which the clone then stood.
	Reached int64               `json:"reached"`
	Error   string              `json:"error,omitempty"`
	Detail  []string            `json:"detail,omitempty"`
	Files   []RehearsedFileData `json:"files"`
}

// RehearsedFileData is what one file did on the clone.
type RehearsedFileData struct {
	Version  uint64 `json:"version"`
	FileName string `json:"file"`
	rehearsal.File
}

// attachRehearsal puts what was measured into the run's data.
func (f *flow) attachRehearsal(r rehearsed) {
	o := r.outcome
	d := &RehearsalData{Mode: o.Mode, Place: o.Place, Took: o.Took, Rates: o.Rates, CloneDiffers: orEmpty(r.unlike), Passes: []PassData{}}
	for _, p := range o.Passes {
		pass := PassData{Pass: p.Name, Direction: p.Plan.Direction, Took: p.Took, Reached: p.Reached, Files: []RehearsedFileData{}}
		if p.Failure != nil {
			pass.Error, pass.Detail = p.Failure.What, p.Failure.Detail
		}
		for _, file := range p.Files {
			pass.Files = append(pass.Files, RehearsedFileData{Version: file.Version, FileName: file.FileName, File: file})
		}
		d.Passes = append(d.Passes, pass)
	}
	switch data := f.run.Data.(type) {
	case MigrateData:
		data.Rehearsal = d
		f.run.Data = data
	case RollbackData:
		data.Rehearsal = d
		f.run.Data = data
	}
}

func orEmpty(changes []pg.Change) []pg.Change {
	if changes == nil {
		return []pg.Change{}
	}
	return changes
}
