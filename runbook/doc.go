// Package runbook holds the flows: it composes the verbs (preflight, backup,
// migrate, validate, rollback) step by step into the commands an operator types.
// Each flow is straight-line code in which the value of one step is an argument
// of a later one, so that no step can be forgotten.
package runbook
