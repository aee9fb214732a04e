-- Rows for every table of the moderation release. $1 is how many of each kind.
-- Every statement picks moderators and members by their order, so that rows are
-- spread over them.

-- table: moderation_queue
WITH reporters AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth, count(*) OVER () AS many
    FROM (SELECT id FROM users WHERE role = 'user' OR role = 'admin' ORDER BY id LIMIT 1000) u
),
reported AS (
    SELECT kind, id, row_number() OVER (ORDER BY random) AS nth
    FROM (
        (SELECT 'comment' AS kind, id, md5(id::text) AS random FROM comments WHERE NOT is_removed ORDER BY id LIMIT $1)
        UNION ALL
        (SELECT 'clip', id, md5(id::text) FROM clips ORDER BY id LIMIT $1)
        UNION ALL
        (SELECT 'user', id, md5(id::text) FROM users WHERE role = 'user' ORDER BY id LIMIT $1)
        UNION ALL
        (SELECT 'submission', id, md5(id::text) FROM clip_submissions WHERE status = 'pending' ORDER BY id LIMIT $1)
    ) everything
    ORDER BY random
    LIMIT $1
)
INSERT INTO moderation_queue (content_type, content_id, reason, priority, reported_by, report_count, auto_flagged, confidence_score, created_at)
SELECT d.kind, d.id,
       (ARRAY['spam', 'harassment', 'hate_speech', 'nsfw', 'self_promotion', 'misinformation'])[1 + d.nth % 6],
       (ARRAY[20, 50, 50, 75, 90])[1 + d.nth % 5],
       ARRAY[r.id], 1, d.nth % 4 = 0,
       CASE WHEN d.nth % 4 = 0 THEN round((0.6 + (d.nth % 40) / 100.0)::numeric, 2) END,
       now() - make_interval(mins => (d.nth * 7)::int)
FROM reported d
JOIN reporters r ON r.nth = d.nth % r.many
ON CONFLICT DO NOTHING; -- what waits already is not reported twice

-- table: (moderation_queue) two thirds are decided, which needs a reviewer
WITH staff AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth, count(*) OVER () AS many
    FROM (SELECT id FROM users WHERE role IN ('moderator', 'admin') ORDER BY id LIMIT 100) s
),
waiting AS (
    SELECT id, row_number() OVER (ORDER BY created_at, id) AS nth
    FROM moderation_queue
    WHERE status = 'pending' AND created_at <= now() AND $1::int > 0
)
UPDATE moderation_queue q
SET status = (ARRAY['approved', 'rejected', 'rejected', 'escalated'])[1 + w.nth % 4],
    assigned_to = s.id, reviewed_by = s.id
FROM waiting w
JOIN staff s ON s.nth = w.nth % s.many
WHERE q.id = w.id AND w.nth % 3 <> 0;

-- table: moderation_decisions
INSERT INTO moderation_decisions (queue_item_id, moderator_id, action, reason, metadata)
SELECT q.id, q.reviewed_by,
       CASE q.status WHEN 'approved' THEN 'approve' WHEN 'escalated' THEN 'escalate'
            ELSE CASE WHEN q.content_type = 'user' THEN 'ban_user' ELSE 'reject' END END,
       'Reported for ' || replace(q.reason, '_', ' ') || '.',
       jsonb_build_object('reports', q.report_count, 'auto', q.auto_flagged)
FROM moderation_queue q
WHERE q.status <> 'pending' AND NOT EXISTS (SELECT FROM moderation_decisions d WHERE d.queue_item_id = q.id)
LIMIT $1;

-- table: moderation_appeals
INSERT INTO moderation_appeals (user_id, moderation_action_id, reason)
SELECT (q.reported_by)[1], d.id, 'I think this was a misunderstanding: it was meant as a joke among friends.'
FROM moderation_decisions d
JOIN moderation_queue q ON q.id = d.queue_item_id
WHERE d.action IN ('reject', 'ban_user')
  AND NOT EXISTS (SELECT FROM moderation_appeals a WHERE a.moderation_action_id = d.id)
LIMIT $1;

-- table: (moderation_appeals) every other one is resolved, which needs somebody
WITH waiting AS (
    SELECT a.id, d.moderator_id, row_number() OVER (ORDER BY a.id) AS nth
    FROM moderation_appeals a
    JOIN moderation_decisions d ON d.id = a.moderation_action_id
    WHERE a.status = 'pending' AND $1::int > 0
)
UPDATE moderation_appeals a
SET status = CASE WHEN w.nth % 4 = 1 THEN 'approved' ELSE 'rejected' END,
    resolved_by = w.moderator_id, resolution = 'Looked at again by the team.'
FROM waiting w
WHERE a.id = w.id AND w.nth % 2 = 1;

-- table: moderation_audit_logs
INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, reason, metadata, actor_id, target_user_id, ip_address, user_agent)
SELECT d.action, q.content_type, q.content_id, d.moderator_id, d.reason, d.metadata, d.moderator_id,
       CASE WHEN q.content_type = 'user' THEN q.content_id END,
       '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'
FROM moderation_decisions d
JOIN moderation_queue q ON q.id = d.queue_item_id
LIMIT $1;

-- table: forum_threads
WITH members AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth, count(*) OVER () AS many
    FROM (SELECT id FROM users ORDER BY id LIMIT 1000) u
)
INSERT INTO forum_threads (user_id, title, content, pinned, locked, view_count)
SELECT m.id,
       (ARRAY['Clip of the month', 'Feature wish: playlists', 'Who else watched the finals?', 'Rules for titles', 'Looking for a duo'])[1 + n % 5] || ' #' || n,
       'What do you think? I will collect the answers here.', n % 17 = 0, n % 23 = 0, n * 13 % 900
FROM generate_series(1, $1::int) AS n
JOIN members m ON m.nth = n % m.many;

-- table: forum_replies
WITH members AS (
    SELECT id, row_number() OVER (ORDER BY id DESC) - 1 AS nth, count(*) OVER () AS many
    FROM (SELECT id FROM users ORDER BY id DESC LIMIT 1000) u
),
threads AS (
    SELECT id, row_number() OVER (ORDER BY id) AS nth FROM (SELECT id FROM forum_threads ORDER BY created_at DESC, id LIMIT $1) t
)
INSERT INTO forum_replies (thread_id, user_id, content, is_deleted)
SELECT t.id, m.id, 'Agreed, and the clip from last week should be in it.', t.nth % 19 = 0
FROM threads t
JOIN members m ON m.nth = t.nth % m.many;

-- table: content_flags
WITH members AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth, count(*) OVER () AS many
    FROM (SELECT id FROM users ORDER BY id LIMIT 1000) u
),
threads AS (
    SELECT id, row_number() OVER (ORDER BY id) AS nth FROM (SELECT id FROM forum_threads ORDER BY created_at DESC, id LIMIT $1) t
)
INSERT INTO content_flags (user_id, target_type, target_id, reason, details)
SELECT m.id, 'thread', t.id, (ARRAY['spam', 'off_topic', 'rude'])[1 + t.nth % 3], 'Please have a look.'
FROM threads t
JOIN members m ON m.nth = t.nth % m.many;

-- table: moderation_actions
INSERT INTO moderation_actions (moderator_id, action_type, target_type, target_id, reason)
SELECT d.moderator_id, CASE d.action WHEN 'ban_user' THEN 'ban' WHEN 'reject' THEN 'remove' ELSE 'review' END,
       q.content_type, q.content_id, d.reason
FROM moderation_decisions d
JOIN moderation_queue q ON q.id = d.queue_item_id
LIMIT $1;

-- table: user_bans
WITH staff AS (
    SELECT id FROM users WHERE role IN ('moderator', 'admin') ORDER BY role DESC, id LIMIT 1
),
members AS (
    SELECT id, row_number() OVER (ORDER BY is_banned DESC, id) AS nth FROM users WHERE role = 'user'
)
INSERT INTO user_bans (user_id, banned_by, reason, expires_at, active)
SELECT m.id, s.id, 'Repeated harassment after a warning.', CASE WHEN m.nth % 3 <> 0 THEN now() + interval '7 days' END, m.nth % 5 <> 0
FROM members m, staff s
WHERE m.nth <= $1;
