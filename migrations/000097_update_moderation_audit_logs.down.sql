-- The indexes and foreign keys go with their columns.
ALTER TABLE moderation_audit_logs
    DROP COLUMN IF EXISTS user_agent,
    DROP COLUMN IF EXISTS ip_address,
    DROP COLUMN IF EXISTS channel_id,
    DROP COLUMN IF EXISTS target_user_id,
    DROP COLUMN IF EXISTS actor_id;
