-- clip_submissions comes first, and its constraint before its indexes: the
-- strongest lock is taken at once. Taking SHARE for the indexes and then asking
-- for more would deadlock with any transaction that read the table and is about
-- to write it.
ALTER TABLE clip_submissions
    ADD CONSTRAINT check_rejection_reason_length CHECK (length(rejection_reason) <= 1000);

CREATE INDEX idx_submissions_is_nsfw ON clip_submissions (is_nsfw) WHERE status = 'pending';
CREATE INDEX idx_submissions_broadcaster ON clip_submissions (broadcaster_name) WHERE status = 'pending';
CREATE INDEX idx_submissions_creator ON clip_submissions (creator_name) WHERE status = 'pending';

-- moderator_id restricts: a moderator who acted cannot be deleted, for the log
-- would no longer say who it was.
CREATE TABLE moderation_audit_logs (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    action       varchar(50) NOT NULL,
    entity_type  varchar(50) NOT NULL,
    entity_id    uuid NOT NULL,
    moderator_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    reason       text,
    metadata     jsonb,
    created_at   timestamp DEFAULT now()
);

CREATE INDEX idx_audit_logs_moderator ON moderation_audit_logs (moderator_id);
CREATE INDEX idx_audit_logs_entity ON moderation_audit_logs (entity_type, entity_id);
CREATE INDEX idx_audit_logs_created ON moderation_audit_logs (created_at DESC);
CREATE INDEX idx_audit_logs_action ON moderation_audit_logs (action);
