package metrics

import (
	"slices"
	"time"
)

// restarts are the moments from which an instance's samples are of a new process:
// a counter that was 2 before and is 3 soon after does not tell of it.
//
// What process_start_time_seconds says wavers by a second on machines whose clock
// is being set, and may be hours off on one whose clock is wrong. So a process is
// new only when it says that it began between the two samples.
func restarts(starts []Series) map[instance][]time.Time {
	found, seen := map[instance][]time.Time{}, map[instance]bool{}
	for _, s := range starts {
		who := instanceOf(s.Labels)
		if seen[who] {
			delete(found, who) // two processes behind one address: nothing is known
			continue
		}
		seen[who] = true
		for i, p := range s.Points {
			if i == 0 {
				continue
			}
			last := s.Points[i-1]
			began := time.UnixMilli(int64(p.Value * 1000)) // NaN and what is too big lie outside
			if p.Value-last.Value > 0 && began.After(last.At) && !began.After(p.At.Add(time.Second)) {
				found[who] = append(found[who], p.At)
			}
		}
		slices.SortFunc(found[who], time.Time.Compare)
	}
	return found
}
