-- moderation_audit_logs is in use: every step has the form that does not make
-- the server read the table while it asks for a stronger lock.
--
-- A file is one transaction, so what ADD COLUMN locks stays locked until the
-- end. What the forms still buy: SET NOT NULL believes the validated CHECK
-- instead of reading the table once more, nothing is rewritten, and users, which
-- everyone writes to, is locked by the foreign keys only for the last moment:
-- they come after all the slow work. Validating them needs no more than ROW SHARE
-- there.
ALTER TABLE moderation_audit_logs
    ADD COLUMN actor_id       uuid,
    ADD COLUMN target_user_id uuid,
    ADD COLUMN channel_id     uuid,
    ADD COLUMN ip_address     inet,
    ADD COLUMN user_agent     text;

-- One pass over the rows for both columns. entity_id has no foreign key, so it
-- may name a user who is gone; such a row gets no target, which is what ON DELETE
-- SET NULL would have left. The users named are held (FOR KEY SHARE) so that none
-- of them goes before the key is in place.
WITH targets AS MATERIALIZED (
    SELECT u.id
    FROM users u
    WHERE u.id IN (SELECT entity_id FROM moderation_audit_logs WHERE entity_type = 'user')
    FOR KEY SHARE
)
UPDATE moderation_audit_logs l
SET actor_id = l.moderator_id,
    target_user_id = t.id
FROM moderation_audit_logs s
    LEFT JOIN targets t ON s.entity_type = 'user' AND t.id = s.entity_id
WHERE s.id = l.id;

CREATE INDEX idx_audit_logs_actor ON moderation_audit_logs (actor_id);
CREATE INDEX idx_audit_logs_target ON moderation_audit_logs (target_user_id);
CREATE INDEX idx_audit_logs_channel ON moderation_audit_logs (channel_id);

ALTER TABLE moderation_audit_logs
    ADD CONSTRAINT moderation_audit_logs_actor_id_present CHECK (actor_id IS NOT NULL) NOT VALID;
ALTER TABLE moderation_audit_logs VALIDATE CONSTRAINT moderation_audit_logs_actor_id_present;
ALTER TABLE moderation_audit_logs ALTER COLUMN actor_id SET NOT NULL;
ALTER TABLE moderation_audit_logs DROP CONSTRAINT moderation_audit_logs_actor_id_present;

ALTER TABLE moderation_audit_logs
    ADD CONSTRAINT moderation_audit_logs_actor_id_fkey
        FOREIGN KEY (actor_id) REFERENCES users (id) ON DELETE RESTRICT NOT VALID,
    ADD CONSTRAINT moderation_audit_logs_target_user_id_fkey
        FOREIGN KEY (target_user_id) REFERENCES users (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE moderation_audit_logs VALIDATE CONSTRAINT moderation_audit_logs_actor_id_fkey;
ALTER TABLE moderation_audit_logs VALIDATE CONSTRAINT moderation_audit_logs_target_user_id_fkey;
