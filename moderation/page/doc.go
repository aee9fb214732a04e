// Package page finds the users of a channel and what was last done about each of
// them there, and shows them as HTML, with the controls of those who may ban.
package page
