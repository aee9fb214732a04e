DROP TABLE IF EXISTS moderation_audit_logs;

ALTER TABLE clip_submissions DROP CONSTRAINT IF EXISTS check_rejection_reason_length;

DROP INDEX IF EXISTS idx_submissions_creator;
DROP INDEX IF EXISTS idx_submissions_broadcaster;
DROP INDEX IF EXISTS idx_submissions_is_nsfw;
