-- What the moderation API keeps for itself. Every statement can be run again.
CREATE SCHEMA IF NOT EXISTS moderation_api;

-- The Twitch sessions of Clipper's users. Tokens are encrypted by the service
-- before they come here (AES-256-GCM); the key is not in the database.
CREATE TABLE IF NOT EXISTS moderation_api.twitch_tokens (
    user_id        uuid PRIMARY KEY REFERENCES public.users (id) ON DELETE CASCADE,
    twitch_user_id text NOT NULL,
    access_token   bytea NOT NULL,
    refresh_token  bytea,
    key_id         text NOT NULL,
    scopes         text[] NOT NULL DEFAULT '{}',
    expires_at     timestamptz,
    validated_at   timestamptz,
    invalid_reason text,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idx_twitch_tokens_validated ON moderation_api.twitch_tokens (validated_at NULLS FIRST);

-- When each user acted on Twitch, for the limit over all instances.
CREATE TABLE IF NOT EXISTS moderation_api.ban_operations (
    user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS idx_ban_operations_user_at ON moderation_api.ban_operations (user_id, at);
CREATE INDEX IF NOT EXISTS idx_ban_operations_at ON moderation_api.ban_operations (at);
