package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/moderation/schema"
)

// withDatabase gives do a database of its own.
func withDatabase(ctx context.Context, server config.Target, do func(config.Target) error) error {
	const name = "apibench"
	admin, err := pgx.Connect(ctx, server.ConnString())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	drop := func() {
		_, _ = admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	drop()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	defer drop()
	return do(server.WithDatabase(name))
}

// fill makes a Clipper at version 97 with a million cases, a second apart.
func fill(ctx context.Context, target config.Target, s settings) (people, error) {
	p := people{secret: rand.Text() + rand.Text(), cases: s.cases, began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := sandbox.ApplyClipper(ctx, target); err != nil {
		return p, err
	}
	conn, err := pgx.Connect(ctx, target.ConnString())
	if err != nil {
		return p, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := migrate(ctx, conn); err != nil {
		return p, err
	}
	if err := schema.Setup(ctx, conn); err != nil {
		return p, err
	}
	if _, err := conn.Exec(ctx, `INSERT INTO moderation_queue (content_type, content_id, reason, created_at)
		SELECT (ARRAY['comment', 'clip', 'user', 'submission'])[1 + n % 4], gen_random_uuid(), 'spam', $1::timestamp + n * interval '1 second'
		FROM generate_series(1, $2::int) n`, p.began, s.cases); err != nil {
		return p, err
	}
	if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) moderation_queue"); err != nil {
		return p, err
	}
	return p, p.enlist(ctx, conn, int(s.lasts.Seconds()*float64(s.rate))+100)
}

func migrate(ctx context.Context, conn *pgx.Conn) error {
	files, err := fs.Glob(migrations.FS, "*.up.sql")
	if err != nil {
		return err
	}
	for _, file := range files[1:] { // the first is the baseline
		sql, err := fs.ReadFile(migrations.FS, file)
		if err != nil {
			return err
		}
		if _, err := conn.PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	_, err = conn.Exec(ctx, "UPDATE schema_migrations SET version = 97")
	return err
}

// enlist makes a moderator, and as many broadcasters as so many bans need.
func (p *people) enlist(ctx context.Context, conn *pgx.Conn, bans int) error {
	if err := conn.QueryRow(ctx, `INSERT INTO users (twitch_id, username, role) VALUES ('1', 'moderator', 'moderator') RETURNING id`).Scan(&p.moderator); err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `INSERT INTO users (twitch_id, username) SELECT (5000000 + n)::text, 'broadcaster' || n FROM generate_series(1, $1::int) n RETURNING id, twitch_id`, bans/perUser+1)
	if err != nil {
		return err
	}
	var b broadcaster
	_, err = pgx.ForEachRow(rows, []any{&b.id, &b.twitchID}, func() error {
		b.session = p.session(b.id)
		p.broadcasters = append(p.broadcasters, b)
		return nil
	})
	return err
}
