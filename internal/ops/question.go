package ops

import "context"

// Question asks a person to confirm by typing a word.
type Question struct {
	// Lines say what is about to happen.
	Lines []string
	// Word must be typed exactly, e.g. "yes" or "ROLLBACK".
	Word string
}

// Asker puts questions to the operator.
type Asker interface {
	// Ask returns nil when confirmed and a Failure with ExitRefused when not, or
	// when there is nobody to ask.
	Ask(context.Context, Question) error
	// Answerable returns nil when a question can be answered, and what Ask would
	// return when there is nobody to ask: better known before an hour's backup
	// than after it.
	Answerable() error
}
