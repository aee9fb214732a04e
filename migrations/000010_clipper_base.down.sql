DROP TABLE IF EXISTS clip_submissions;
DROP TABLE IF EXISTS comments;
DROP TABLE IF EXISTS clips;
DROP TABLE IF EXISTS users;

-- Only the pgcrypto that the up file made goes; see there.
DO $$
BEGIN
    IF EXISTS (
        SELECT 1
        FROM pg_catalog.pg_extension e
        WHERE e.extname = 'pgcrypto'
          AND pg_catalog.obj_description(e.oid, 'pg_extension') = 'created by migration 000010_clipper_base'
    ) THEN
        DROP EXTENSION pgcrypto;
    END IF;
END
$$;
