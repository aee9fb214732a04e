-- What was done to the schema. run_id refers to clipperops.runs without a
-- foreign key: a file is recorded also when its run could not be.
CREATE TABLE clipperops.files (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id     text NOT NULL,
    version    bigint NOT NULL,
    name       text NOT NULL,
    direction  text NOT NULL CHECK (direction IN ('up', 'down')),
    sha256     text NOT NULL,
    took_ms    bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE INDEX files_run ON clipperops.files (run_id);

-- The statements of a file that cannot run in a transaction which are done, so
-- that the file is resumed behind them. Forgotten once the file is complete.
CREATE TABLE clipperops.statements (
    version     bigint NOT NULL,
    direction   text NOT NULL CHECK (direction IN ('up', 'down')),
    file_sha256 text NOT NULL,
    index       integer NOT NULL,
    sha256      text NOT NULL,
    run_id      text NOT NULL,
    done_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (version, direction, file_sha256, index)
);

-- The files at or below the version the database was brought to, as the last
-- successful run saw them: a file below that version that is not here is late.
CREATE TABLE clipperops.known_versions (
    version     bigint PRIMARY KEY,
    name        text NOT NULL,
    sha256      text NOT NULL,
    run_id      text NOT NULL,
    first_known timestamptz NOT NULL DEFAULT pg_catalog.now()
);

REVOKE ALL ON TABLE clipperops.files, clipperops.statements, clipperops.known_versions FROM PUBLIC;
REVOKE ALL ON SEQUENCE clipperops.files_id_seq FROM PUBLIC;
