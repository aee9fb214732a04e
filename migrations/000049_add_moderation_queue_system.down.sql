DROP TABLE IF EXISTS moderation_decisions;
DROP TABLE IF EXISTS moderation_queue;
DROP FUNCTION IF EXISTS update_moderation_queue_reviewed();
