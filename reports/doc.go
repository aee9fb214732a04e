// Package reports renders one ops.Run: as lines for people (text, Markdown,
// HTML) and as documents for machines (JSON clipperops/run/v1, JUnit XML).
//
// Every format is a function of the run alone, so the same run always gives the
// same bytes. The lines of the text report are composed by Layout and StepLines;
// the console prints the very same lines while a run goes on.
//
// Text that came from elsewhere (a database, a file, a server's message) is
// neutralised: control and formatting characters are shown, never obeyed.
package reports
