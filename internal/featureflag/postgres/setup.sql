-- The flags, for every service that decides by them. Every statement can be run
-- again.
CREATE SCHEMA IF NOT EXISTS clipperops;

-- What a service takes for the users of a flag. A row that it does not take would
-- keep it from reading any of them, so there is none.
CREATE OR REPLACE FUNCTION clipperops.feature_users_valid(users text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT cardinality(users) <= 10000
        AND coalesce(bool_and(u IS NOT NULL AND octet_length(u) BETWEEN 1 AND 128 AND u !~ E'[, \t\r\n"\']'), true)
    FROM unnest(users) AS u
$$;

CREATE TABLE IF NOT EXISTS clipperops.feature_flags (
    key           text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    enabled       boolean NOT NULL DEFAULT false,
    percentage    numeric(5, 2) NOT NULL DEFAULT 0 CHECK (percentage BETWEEN 0 AND 100),
    enabled_users text[] NOT NULL DEFAULT '{}' CHECK (clipperops.feature_users_valid(enabled_users)),
    version       bigint NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    updated_by    text NOT NULL DEFAULT current_user
);

-- Every change raises the version and is told, also one that somebody makes by
-- hand: nothing changes a flag behind the instances' backs.
CREATE OR REPLACE FUNCTION clipperops.feature_flag_changed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := greatest(NEW.version, OLD.version + 1);
        NEW.updated_at := now();
    END IF;
    PERFORM pg_notify('clipperops_feature_flags', coalesce(NEW.key, OLD.key));
    RETURN coalesce(NEW, OLD);
END
$$;

DROP TRIGGER IF EXISTS trg_feature_flag_changed ON clipperops.feature_flags;
CREATE TRIGGER trg_feature_flag_changed
    BEFORE INSERT OR UPDATE OR DELETE ON clipperops.feature_flags
    FOR EACH ROW EXECUTE FUNCTION clipperops.feature_flag_changed();
