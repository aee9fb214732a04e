DROP TABLE IF EXISTS content_flags;
DROP TABLE IF EXISTS user_bans;
DROP TABLE IF EXISTS moderation_actions;
DROP TABLE IF EXISTS forum_replies;
DROP TABLE IF EXISTS forum_threads;
DROP FUNCTION IF EXISTS update_thread_flag_count();
DROP FUNCTION IF EXISTS update_thread_reply_count();
