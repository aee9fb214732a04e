CREATE TABLE moderation_queue (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    content_type     varchar(20) NOT NULL,
    content_id       uuid NOT NULL,
    reason           varchar(50) NOT NULL,
    priority         int DEFAULT 50,
    status           varchar(20) DEFAULT 'pending',
    assigned_to      uuid REFERENCES users (id) ON DELETE SET NULL,
    reported_by      uuid[] DEFAULT '{}',
    report_count     int DEFAULT 0,
    auto_flagged     boolean DEFAULT false,
    confidence_score numeric(3, 2),
    created_at       timestamp DEFAULT now(),
    reviewed_at      timestamp,
    reviewed_by      uuid REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT moderation_queue_valid_content_type
        CHECK (content_type IN ('comment', 'clip', 'user', 'submission')),
    CONSTRAINT moderation_queue_valid_status
        CHECK (status IN ('pending', 'approved', 'rejected', 'escalated')),
    CONSTRAINT moderation_queue_valid_priority
        CHECK (priority BETWEEN 0 AND 100),
    CONSTRAINT moderation_queue_valid_confidence
        CHECK (confidence_score IS NULL OR confidence_score BETWEEN 0 AND 1)
);

CREATE INDEX idx_modqueue_status_priority ON moderation_queue (status, priority DESC, created_at);
CREATE INDEX idx_modqueue_content ON moderation_queue (content_type, content_id);
CREATE INDEX idx_modqueue_assigned_to ON moderation_queue (assigned_to) WHERE status = 'pending';
CREATE INDEX idx_modqueue_auto_flagged ON moderation_queue (auto_flagged) WHERE status = 'pending';
CREATE INDEX idx_modqueue_created_at ON moderation_queue (created_at DESC);
-- One open case per piece of content; closed ones may be many.
CREATE UNIQUE INDEX uq_modqueue_content_pending ON moderation_queue (content_type, content_id)
    WHERE status = 'pending';

CREATE TABLE moderation_decisions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    queue_item_id uuid NOT NULL REFERENCES moderation_queue (id) ON DELETE CASCADE,
    moderator_id  uuid REFERENCES users (id) ON DELETE SET NULL,
    action        varchar(20) NOT NULL,
    reason        text,
    metadata      jsonb,
    created_at    timestamp DEFAULT now(),
    CONSTRAINT moderation_decisions_valid_action
        CHECK (action IN ('approve', 'reject', 'escalate', 'ban_user'))
);

CREATE INDEX idx_moddecisions_queue_item ON moderation_decisions (queue_item_id);
CREATE INDEX idx_moddecisions_moderator ON moderation_decisions (moderator_id);
CREATE INDEX idx_moddecisions_created ON moderation_decisions (created_at DESC);
CREATE INDEX idx_moddecisions_action ON moderation_decisions (action);

-- Leaving 'pending' is a decision: it gets its time here, and it needs a name.
-- Later updates are not looked at, so that deleting the reviewer (ON DELETE SET
-- NULL) still works. IS DISTINCT FROM, because status may be NULL.
CREATE FUNCTION update_moderation_queue_reviewed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.status = 'pending' AND NEW.status IS DISTINCT FROM 'pending' THEN
        IF NEW.reviewed_by IS NULL THEN
            RAISE EXCEPTION 'reviewed_by must be set when a queue item leaves pending'
                USING ERRCODE = 'not_null_violation',
                      DETAIL = format('Item %s changes from pending to %s.', NEW.id, coalesce(NEW.status, 'NULL')),
                      TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = 'reviewed_by';
        END IF;
        NEW.reviewed_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER trg_moderation_queue_reviewed
    BEFORE UPDATE ON moderation_queue
    FOR EACH ROW EXECUTE FUNCTION update_moderation_queue_reviewed();
