package metrics

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// instance is whose series it is.
type instance struct{ job, name string }

func instanceOf(l Labels) instance { return instance{l["job"], l["instance"]} }

// newcomers tells of each series whether it began at zero after from. That is so
// for one without a sample before, when its instance was scraped before and did
// not have it: another series of the metric was there, or `up` was 1; or when the
// process that shows it started after from.
func newcomers(ctx context.Context, source Source, all, starts []Series, from time.Time) ([]bool, error) {
	zero := make([]bool, len(all))
	var fresh []int
	names, instances := map[string]bool{}, map[string]bool{}
	for i, s := range all {
		if s.Points[0].At.After(from) && s.Labels["instance"] != "" {
			fresh = append(fresh, i)
			names[s.Labels["__name__"]], instances[s.Labels["instance"]] = true, true
		}
	}
	if len(fresh) == 0 {
		return zero, nil
	}
	among := matching("instance", instances)
	known := map[string]map[instance]bool{}
	for name := range names {
		k, err := scrapedBefore(ctx, source, name, among, from)
		if err != nil {
			return nil, err
		}
		known[name] = k
	}
	for _, i := range fresh {
		s := all[i]
		zero[i] = known[s.Labels["__name__"]][instanceOf(s.Labels)] || startedAfter(starts, s, from)
	}
	return zero, nil
}

// scrapedBefore is which instances were scraped shortly before a moment.
func scrapedBefore(ctx context.Context, source Source, name, among string, at time.Time) (map[instance]bool, error) {
	// One millisecond less than Range looks back: a series seen at the very edge is
	// not "there before" of one that was seen with it.
	back := strconv.FormatInt(lookBack.Milliseconds()-1, 10) + "ms"
	expr := fmt.Sprintf(`count by (job, instance) (last_over_time({__name__=%s,%s}[%s])) or max by (job, instance) (max_over_time(up{%s}[%s])) == 1`,
		strconv.Quote(name), among, back, among, back)
	found, err := source.Instant(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	known := map[instance]bool{}
	for _, s := range found {
		known[instanceOf(s.Labels)] = true
	}
	return known, nil
}

// startedAfter reports whether the process that first showed the series began
// after from: by what it said of its start in that scrape or the last before it.
// What a later one says may be of a later process.
func startedAfter(starts []Series, s Series, from time.Time) bool {
	first, known := s.Points[0].At, false
	for _, start := range starts {
		if instanceOf(start.Labels) != instanceOf(s.Labels) {
			continue
		}
		i, exact := slices.BinarySearchFunc(start.Points, first, func(p Point, t time.Time) int { return p.At.Compare(t) })
		if !exact {
			i--
		}
		if i < 0 {
			continue
		}
		v := start.Points[i].Value
		if math.IsNaN(v) || v <= float64(from.UnixMilli())/1000 {
			return false
		}
		known = true
	}
	return known
}

// matching is the matcher of a label that has one of the values.
func matching(label string, values map[string]bool) string {
	var all []string
	for v := range values {
		all = append(all, regexp.QuoteMeta(v))
	}
	slices.Sort(all)
	return label + "=~" + strconv.Quote(strings.Join(all, "|"))
}
