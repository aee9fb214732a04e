-- pinned must not be NULL by default: the listing sorts by pinned DESC, and NULL
-- would sort before true.
CREATE TABLE forum_threads (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title       varchar(255) NOT NULL,
    content     text NOT NULL,
    locked      boolean DEFAULT false,
    pinned      boolean DEFAULT false,
    flag_count  int DEFAULT 0,
    reply_count int DEFAULT 0,
    view_count  int DEFAULT 0,
    is_deleted  boolean DEFAULT false,
    created_at  timestamp DEFAULT now(),
    updated_at  timestamp DEFAULT now()
);

CREATE INDEX idx_forum_threads_user ON forum_threads (user_id);
CREATE INDEX idx_forum_threads_created ON forum_threads (created_at DESC);
CREATE INDEX idx_forum_threads_pinned ON forum_threads (pinned DESC, created_at DESC);
CREATE INDEX idx_forum_threads_deleted ON forum_threads (is_deleted) WHERE is_deleted;

CREATE TABLE forum_replies (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    thread_id       uuid NOT NULL REFERENCES forum_threads (id) ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_reply_id uuid REFERENCES forum_replies (id) ON DELETE CASCADE,
    content         text NOT NULL,
    is_deleted      boolean DEFAULT false,
    created_at      timestamp DEFAULT now(),
    updated_at      timestamp DEFAULT now()
);

CREATE INDEX idx_forum_replies_thread ON forum_replies (thread_id, created_at);
CREATE INDEX idx_forum_replies_user ON forum_replies (user_id);
CREATE INDEX idx_forum_replies_parent ON forum_replies (parent_reply_id);

CREATE TABLE moderation_actions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    moderator_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    action_type  varchar(50) NOT NULL,
    target_type  varchar(50) NOT NULL,
    target_id    uuid NOT NULL,
    reason       text,
    metadata     jsonb,
    created_at   timestamp DEFAULT now()
);

CREATE INDEX idx_moderation_actions_moderator ON moderation_actions (moderator_id);
CREATE INDEX idx_moderation_actions_target ON moderation_actions (target_type, target_id);
CREATE INDEX idx_moderation_actions_created ON moderation_actions (created_at DESC);
CREATE INDEX idx_moderation_actions_type ON moderation_actions (action_type);

CREATE TABLE user_bans (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    banned_by  uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    reason     text NOT NULL,
    expires_at timestamp,
    active     boolean DEFAULT true,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE INDEX idx_user_bans_user ON user_bans (user_id);
CREATE INDEX idx_user_bans_active ON user_bans (active) WHERE active;
CREATE INDEX idx_user_bans_expires ON user_bans (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE content_flags (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_type varchar(50) NOT NULL,
    target_id   uuid NOT NULL,
    reason      varchar(100) NOT NULL,
    details     text,
    status      varchar(20) DEFAULT 'pending',
    reviewed_by uuid REFERENCES users (id) ON DELETE SET NULL,
    reviewed_at timestamp,
    created_at  timestamp DEFAULT now()
);

CREATE INDEX idx_content_flags_target ON content_flags (target_type, target_id);
CREATE INDEX idx_content_flags_status ON content_flags (status);
CREATE INDEX idx_content_flags_user ON content_flags (user_id);
CREATE INDEX idx_content_flags_created ON content_flags (created_at);

-- Both counters work by difference: what the row counted for before is taken
-- from its old thread, what it counts for now is added to its new one. That
-- covers inserting, deleting, soft-deleting, restoring and moving alike, and two
-- sessions at once, because the update locks the thread's row. The table is
-- named through the trigger's own schema, never through search_path.

-- A reply counts unless it is deleted, softly or for good.
CREATE FUNCTION update_thread_reply_count() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_thread uuid;
    new_thread uuid;
    change constant text := format(
        'UPDATE %I.forum_threads SET reply_count = coalesce(reply_count, 0) + $2 WHERE id = $1',
        TG_TABLE_SCHEMA);
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.is_deleted IS NOT TRUE THEN
        old_thread := OLD.thread_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.is_deleted IS NOT TRUE THEN
        new_thread := NEW.thread_id;
    END IF;
    IF old_thread IS DISTINCT FROM new_thread THEN
        IF old_thread IS NOT NULL THEN
            EXECUTE change USING old_thread, -1;
        END IF;
        IF new_thread IS NOT NULL THEN
            EXECUTE change USING new_thread, 1;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER trg_update_thread_reply_count
    AFTER INSERT OR UPDATE OR DELETE ON forum_replies
    FOR EACH ROW EXECUTE FUNCTION update_thread_reply_count();

-- A flag counts for as long as it exists, whatever became of it in review.
CREATE FUNCTION update_thread_flag_count() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_thread uuid;
    new_thread uuid;
    change constant text := format(
        'UPDATE %I.forum_threads SET flag_count = coalesce(flag_count, 0) + $2 WHERE id = $1',
        TG_TABLE_SCHEMA);
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.target_type = 'thread' THEN
        old_thread := OLD.target_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.target_type = 'thread' THEN
        new_thread := NEW.target_id;
    END IF;
    IF old_thread IS DISTINCT FROM new_thread THEN
        IF old_thread IS NOT NULL THEN
            EXECUTE change USING old_thread, -1;
        END IF;
        IF new_thread IS NOT NULL THEN
            EXECUTE change USING new_thread, 1;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER trg_update_thread_flag_count
    AFTER INSERT OR UPDATE OR DELETE ON content_flags
    FOR EACH ROW EXECUTE FUNCTION update_thread_flag_count();
