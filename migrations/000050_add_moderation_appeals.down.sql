DROP TABLE IF EXISTS moderation_appeals;
DROP FUNCTION IF EXISTS update_moderation_appeals_resolved();
