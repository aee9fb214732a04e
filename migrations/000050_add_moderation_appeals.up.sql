CREATE TABLE moderation_appeals (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id              uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    moderation_action_id uuid NOT NULL REFERENCES moderation_decisions (id) ON DELETE CASCADE,
    reason               text NOT NULL,
    status               varchar(20) DEFAULT 'pending',
    resolved_by          uuid REFERENCES users (id) ON DELETE SET NULL,
    resolution           text,
    created_at           timestamp DEFAULT now(),
    resolved_at          timestamp,
    CONSTRAINT moderation_appeals_valid_status
        CHECK (status IN ('pending', 'approved', 'rejected'))
);

CREATE INDEX idx_appeals_status_created ON moderation_appeals (status, created_at);
CREATE INDEX idx_appeals_user_id ON moderation_appeals (user_id);
CREATE INDEX idx_appeals_moderation_action ON moderation_appeals (moderation_action_id);
CREATE INDEX idx_appeals_resolved_by ON moderation_appeals (resolved_by) WHERE resolved_by IS NOT NULL;
-- One open appeal per decision; a rejected one may be followed by another.
CREATE UNIQUE INDEX uq_appeals_action_pending ON moderation_appeals (moderation_action_id)
    WHERE status = 'pending';

-- As update_moderation_queue_reviewed(): leaving 'pending' needs a name.
CREATE FUNCTION update_moderation_appeals_resolved() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.status = 'pending' AND NEW.status IS DISTINCT FROM 'pending' THEN
        IF NEW.resolved_by IS NULL THEN
            RAISE EXCEPTION 'resolved_by must be set when an appeal leaves pending'
                USING ERRCODE = 'not_null_violation',
                      DETAIL = format('Appeal %s changes from pending to %s.', NEW.id, coalesce(NEW.status, 'NULL')),
                      TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = 'resolved_by';
        END IF;
        NEW.resolved_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER trg_moderation_appeals_resolved
    BEFORE UPDATE ON moderation_appeals
    FOR EACH ROW EXECUTE FUNCTION update_moderation_appeals_resolved();
