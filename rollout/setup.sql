-- Where rollouts stand, what was done to them, and what the watch counted. Every
-- statement can be run again.
CREATE SCHEMA IF NOT EXISTS clipperops;

CREATE TABLE IF NOT EXISTS clipperops.rollouts (
    flag       text PRIMARY KEY,
    state      jsonb NOT NULL,
    version    bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL
);

CREATE TABLE IF NOT EXISTS clipperops.rollout_events (
    id    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    flag  text NOT NULL,
    at    timestamptz NOT NULL,
    event jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_rollout_events_flag ON clipperops.rollout_events (flag, id DESC);

CREATE TABLE IF NOT EXISTS clipperops.rollout_samples (
    flag   text NOT NULL,
    at     timestamptz NOT NULL,
    sample jsonb NOT NULL,
    PRIMARY KEY (flag, at)
);
