// Package appeals holds what users say against decisions about them, and what
// came of it. To approve an appeal records that it was right; what the decision
// did is undone by a moderator's own act, which has a record of its own.
package appeals
