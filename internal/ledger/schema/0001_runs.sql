-- The record of runs. Later versions of this schema only add: an older
-- clipperops must be able to read what a newer one wrote.
CREATE TABLE clipperops.schema_version (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE clipperops.runs (
    id            text PRIMARY KEY,
    command       text NOT NULL,
    environment   text NOT NULL,
    release       text NOT NULL,
    database      text NOT NULL,
    operator      text NOT NULL,
    host          text NOT NULL,
    version       text NOT NULL,
    started       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    finished      timestamptz,
    outcome       text,
    exit_code     integer,
    duration_ms   bigint,
    -- The session that writes, and the database it writes to: a run that is not
    -- finished and whose session is gone was killed; one that carries another
    -- database's oid came here in a copy of that database.
    database_oid  oid NOT NULL,
    backend_pid   integer NOT NULL,
    backend_start timestamptz NOT NULL,
    -- The step begun last, and when.
    step          text,
    step_started  timestamptz,
    report        text,
    error         text,
    -- Who found the run killed.
    found_by      text,
    summary       jsonb
);

CREATE INDEX runs_started ON clipperops.runs (started DESC);
CREATE INDEX runs_unfinished ON clipperops.runs (id) WHERE finished IS NULL;

REVOKE ALL ON TABLE clipperops.schema_version, clipperops.runs FROM PUBLIC;
