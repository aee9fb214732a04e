package main

import (
	"context"

	"github.com/clipper/clipperops/internal/console"
	"github.com/clipper/clipperops/internal/ops"
)

// onThisMachine runs a command that has no target database as a run of one step.
// The console writes to stderr, stdout is left for what a shell may take in.
func (i *invocation) onThisMachine(step string, body func(context.Context, *ops.Run, *ops.Step) error) error {
	if err := i.checkFlags(); err != nil {
		return err
	}
	o := i.consoleOptions()
	o.OnlyErr = true
	ctx, cancel := i.deadline()
	defer cancel()
	run := ops.Begin(i.header(), console.New(o), nil)
	err := run.Do(ctx, step, func(ctx context.Context, s *ops.Step) error { return body(ctx, run, s) })
	run.Finish(err)
	run.Announce()
	return shownError{i.printDocument(run)}
}

// header is the identity of a run without a database.
func (i *invocation) header() ops.Header {
	return ops.Header{ID: newID(), Command: i.path, Operator: i.operator(), Host: hostname(), Version: version}
}
