-- Stand-in for Clipper's own migrations 1 to 10: what the moderation release
-- needs to exist, and nothing more.
--
-- gen_random_uuid() is part of PostgreSQL from 13 on. PostgreSQL 12 has it in
-- pgcrypto, which is therefore created where the function is missing, and only
-- there. The comment put on the extension is how the down file knows that it
-- was made here: an extension that stood before is left alone.
DO $$
BEGIN
    IF to_regprocedure('gen_random_uuid()') IS NULL
       AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'pgcrypto')
    THEN
        CREATE EXTENSION pgcrypto;
        COMMENT ON EXTENSION pgcrypto IS 'created by migration 000010_clipper_base';
    END IF;
END
$$;

-- Flags default to false throughout, also where nothing depends on it yet: NULL
-- would be a third answer to a yes-or-no question.

CREATE TABLE users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    twitch_id     varchar(50) UNIQUE NOT NULL,
    username      varchar(50) NOT NULL,
    display_name  varchar(100),
    email         varchar(255),
    karma_points  int DEFAULT 0,
    role          varchar(20) DEFAULT 'user', -- user, moderator, admin
    is_banned     boolean DEFAULT false,
    created_at    timestamp DEFAULT now(),
    updated_at    timestamp DEFAULT now(),
    last_login_at timestamp
);

CREATE TABLE clips (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    twitch_clip_id   varchar(100) UNIQUE NOT NULL,
    twitch_clip_url  text NOT NULL,
    embed_url        text NOT NULL,
    title            varchar(255) NOT NULL,
    creator_name     varchar(100) NOT NULL,
    creator_id       varchar(50),
    broadcaster_name varchar(100) NOT NULL,
    broadcaster_id   varchar(50),
    view_count       int DEFAULT 0,
    vote_score       int DEFAULT 0,
    comment_count    int DEFAULT 0,
    is_nsfw          boolean DEFAULT false,
    is_removed       boolean DEFAULT false,
    created_at       timestamp NOT NULL DEFAULT now()
);

CREATE TABLE comments (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clip_id           uuid NOT NULL REFERENCES clips (id) ON DELETE CASCADE,
    user_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_comment_id uuid REFERENCES comments (id) ON DELETE CASCADE,
    content           text NOT NULL,
    vote_score        int DEFAULT 0,
    is_edited         boolean DEFAULT false,
    is_removed        boolean DEFAULT false,
    removed_reason    text,
    created_at        timestamp DEFAULT now(),
    updated_at        timestamp DEFAULT now()
);

CREATE TABLE clip_submissions (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    twitch_clip_id    varchar(100) NOT NULL,
    twitch_clip_url   text NOT NULL,
    title             varchar(255),
    custom_title      varchar(255),
    tags              text[],
    is_nsfw           boolean DEFAULT false,
    submission_reason text,
    status            varchar(20) DEFAULT 'pending',
    rejection_reason  text,
    reviewed_by       uuid REFERENCES users (id) ON DELETE SET NULL,
    reviewed_at       timestamp,
    creator_name      varchar(100),
    broadcaster_name  varchar(100),
    created_at        timestamp DEFAULT now(),
    updated_at        timestamp DEFAULT now()
);
