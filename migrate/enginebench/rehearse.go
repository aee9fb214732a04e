package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/oklog/ulid/v2"
)

const (
	mostToRehearse = 4.0
	// rehearsals is how often one is made.
	rehearsals = 5
)

// benchRehearsal is a rehearsal of 100 files up, down and up, the clone's making and
// dropping included, beside applying them once: on a server that keeps what it commits, as
// every target does, and on the throwaway one, which gives that up and so shows what
// measuring costs. The clone's own commits wait for no disk in either place.
func benchRehearsal(ctx context.Context, throwaway config.Target, _ settings) (err error) {
	lasting, err := sandbox.StartServer(ctx, sandbox.ServerOptions{Ephemeral: true, PathEnv: os.Getenv("PATH")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lasting.Stop(context.WithoutCancel(ctx))) }()
	for _, on := range []struct {
		name   string
		server config.Target
	}{
		{"a server that waits for its disk", lasting.Target("postgres")},
		{"one that does not", throwaway},
	} {
		if err := benchRehearsalOn(ctx, on.server, on.name); err != nil {
			return err
		}
	}
	return nil
}

func benchRehearsalOn(ctx context.Context, server config.Target, name string) error {
	found, err := programs(ctx, server)
	if err != nil {
		return err
	}
	src, err := migrate.ReadSource(schemaChain(), "generated")
	if err != nil {
		return err
	}
	var applied, rehearsed, cloned []time.Duration
	for round := range rehearsals + 1 {
		err := withDatabase(ctx, server, func(target config.Target) error {
			whole, clone, err := rehearse(ctx, target, src, found)
			if err != nil {
				return err
			}
			once, err := applyAll(ctx, target, src)
			if round > 0 {
				applied, rehearsed, cloned = append(applied, once), append(rehearsed, whole), append(cloned, clone)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("\nrehearsal: %d files with %d tables, up, down and up, %d rounds, on %s\n\n", schemaFiles, schemaTables, rehearsals, name)
	heading()
	spread("applied once", applied)
	spread("rehearsed", rehearsed)
	spread("of that, making the clone", cloned)
	fmt.Println()
	ratio("rehearsed", median(rehearsed), "applied once", median(applied), mostToRehearse)
	return nil
}

// rehearse makes a clone of the target, runs the plan there, and drops it.
func rehearse(ctx context.Context, target config.Target, src *migrate.Source, found pg.Programs) (whole, clone time.Duration, err error) {
	state := migrate.State{Schema: "public", Version: -1}
	plan, err := migrate.PlanUp(src, state, schemaFiles, nil)
	if err != nil {
		return 0, 0, err
	}
	back, err := migrate.PlanDownToNone(src, migrate.State{Schema: "public", Table: true, Rows: 1, Version: schemaFiles}, nil)
	if err != nil {
		return 0, 0, err
	}
	started := time.Now()
	c, err := pg.SameServer(target).Clone(ctx, pg.CloneRequest{
		Source: target, Run: ulid.Make().String(), Application: application, Programs: found,
		Rows: [][2]string{{"public", "schema_migrations"}},
	})
	if err != nil {
		return 0, 0, err
	}
	outcome, err := rehearsal.Run(ctx, rehearsal.Input{
		Clone: c.Target, Plan: plan, Back: back, Again: true, Place: c.Place, Application: application,
	})
	if err = errors.Join(err, c.Drop(ctx)); err != nil {
		return 0, 0, err
	}
	whole = time.Since(started)
	return whole, c.Took, clean(outcome)
}

// clean makes sure that the work was done.
func clean(o *rehearsal.Outcome) error {
	if len(o.Passes) != 3 {
		return fmt.Errorf("%d passes, not 3", len(o.Passes))
	}
	for _, p := range o.Passes {
		if p.Failure != nil {
			return p.Failure
		}
	}
	if n := len(pg.Diff(o.Passes[0].After, o.Passes[2].After)); n > 0 {
		return fmt.Errorf("up again made another schema: %d changes", n)
	}
	return nil
}

// applyAll applies the chain to an empty database, as the rehearsal's third pass does.
func applyAll(ctx context.Context, target config.Target, src *migrate.Source) (time.Duration, error) {
	started := time.Now()
	conn, err := connect(ctx, target)
	if err != nil {
		return 0, err
	}
	defer hangUp(ctx, conn)
	state, err := migrate.ReadState(ctx, conn)
	if err != nil {
		return 0, err
	}
	plan, err := migrate.PlanUp(src, state, schemaFiles, nil)
	if err != nil {
		return 0, err
	}
	_, err = migrate.Apply(ctx, target, plan, migrate.Backup{Waived: "benchmark"}, migrate.Rehearsal{Waived: "benchmark"}, migrate.ApplyOptions{})
	return time.Since(started), err
}
