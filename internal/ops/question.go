package ops

import "context"

// Question asks a person to confirm by typing a word.
type Question struct {
	// Lines say what is about to happen.
	Lines []string
	// Word must be typed exactly, e.g. "yes" or "ROLLBACK".
	Word string
}

// Asker puts a Question to the operator. It returns nil when confirmed and a
// Failure with ExitRefused when not, or when there is nobody to ask.
type Asker interface {
	Ask(context.Context, Question) error
}
