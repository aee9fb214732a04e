// Package auditlog writes who did what, or tried to: one row of
// moderation_audit_logs for every action of a known user, whether it was done,
// refused or failed. A row says in its metadata how it ended.
package auditlog
