package ops

// Status is the verdict of a single Result.
type Status string

// The four verdicts. A check that could not run is StatusFail with Result.Err
// set, never StatusPass; a StatusSkip says why in its summary.
const (
	StatusPass Status = "pass"
	StatusWarn Status = "warn"
	StatusFail Status = "fail"
	StatusSkip Status = "skip"
)

// severity orders statuses from harmless to serious.
var severity = map[Status]int{StatusSkip: 0, StatusPass: 1, StatusWarn: 2, StatusFail: 3}

// Worst returns the most serious of the given statuses, StatusSkip when there
// are none.
func Worst(statuses ...Status) Status {
	worst := StatusSkip
	for _, s := range statuses {
		if severity[s] > severity[worst] {
			worst = s
		}
	}
	return worst
}

// Counts is how many results had each status.
type Counts struct {
	Pass, Warn, Fail, Skip int
}

// Total is the number of results counted.
func (c Counts) Total() int { return c.Pass + c.Warn + c.Fail + c.Skip }

// Count tallies results by status. Counts are always derived, never kept.
func Count(results []Result) Counts {
	var c Counts
	for _, r := range results {
		switch r.Status {
		case StatusPass:
			c.Pass++
		case StatusWarn:
			c.Warn++
		case StatusFail:
			c.Fail++
		case StatusSkip:
			c.Skip++
		}
	}
	return c
}
