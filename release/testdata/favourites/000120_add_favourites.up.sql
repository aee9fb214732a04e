CREATE TABLE favourites (
    user_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    clip_id  uuid NOT NULL REFERENCES clips (id) ON DELETE CASCADE,
    position int DEFAULT 0,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, clip_id)
);

CREATE INDEX idx_favourites_clip ON favourites (clip_id);
CREATE INDEX idx_favourites_order ON favourites (user_id, position DESC);
