package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
	"github.com/clipper/clipperops/rollout/instances"
)

// surveillance is the name under which a sample holds its counts.
const surveillance = "surveillance"

// longestTick is how much time one tick may count at most: what happened while nobody
// watched longer than this is not made one lump of evidence.
const longestTick = 5 * time.Minute

// Watcher judges, tick after tick, whether the feature is to be taken back.
type Watcher struct {
	Controller *Controller
	Release    *release.Rollout
	Phases     Phases
	Source     metrics.Source
	// Every is how long one tick is.
	Every time.Duration
	// AutoAdvance moves on by itself when everything is there.
	AutoAdvance bool

	samples []Sample
	loaded  bool
	firing  map[string]bool
	// behind are the instances that did not follow at the tick before.
	behind map[string]bool
	// ahead is a Clean that lies in the future, because the clock was set back, and since
	// what is counted instead.
	ahead, since time.Time
}

// Report is what one tick found and did.
type Report struct {
	At     time.Time `json:"at"`
	View   View      `json:"-"`
	Sample Sample    `json:"sample"`
	// Rules are judgements by the id of the rule.
	Rules map[string]gate.Judgement `json:"rules"`
	// Evidence is the surveillance's, as a power of ten.
	Evidence float64 `json:"evidence"`
	// Fired is the rule that made a change, Done the change; Failed why it could not be
	// made.
	Fired  string `json:"fired,omitempty"`
	Done   *Done  `json:"-"`
	Failed error  `json:"-"`
	// Alerts begin or end with this tick.
	Alerts []Alert `json:"alerts,omitempty"`
	// Problems are what keeps the watch from knowing.
	Problems  []string         `json:"problems,omitempty"`
	Instances []instances.View `json:"instances,omitempty"`
}

// Alert is one that begins, or is over.
type Alert struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Level string `json:"level"`
	Over  bool   `json:"over,omitempty"`
	Words string `json:"words"`
}

// Tick looks once. An error is that the record cannot be had: nothing was done, and what
// was counted is counted again next time.
func (w *Watcher) Tick(ctx context.Context) (Report, error) {
	now := w.Controller.Now().UTC()
	r := Report{At: now, Rules: map[string]gate.Judgement{}}
	var err error
	if r.View, err = w.Controller.Look(ctx); err != nil {
		return r, err
	}
	if err := w.load(ctx, now); err != nil {
		return r, err
	}
	// What a clock that was set back has told of the future is not so.
	w.samples = slices.DeleteFunc(w.samples, func(s Sample) bool { return s.At.After(now) })
	clean := w.clean(r.View.State, now)
	r.Sample = w.count(ctx, now, clean, r.View)
	if r.Sample.Problem != "" {
		r.Problems = append(r.Problems, r.Sample.Problem)
	}
	w.judge(&r, clean)
	if err := w.Controller.Record.AddSample(ctx, w.Controller.Flag, r.Sample); err != nil {
		return r, err
	}
	w.keep(r.Sample)
	w.act(ctx, &r)
	w.alert(ctx, now, &r)
	return r, ctx.Err()
}

// load takes up what another watch counted.
func (w *Watcher) load(ctx context.Context, now time.Time) error {
	if w.loaded {
		return nil
	}
	samples, err := w.Controller.Record.Samples(ctx, w.Controller.Flag, now.Add(-w.memory()))
	if err != nil {
		return err
	}
	w.samples, w.loaded, w.firing = samples, true, map[string]bool{}
	return nil
}

// clean is since when what is counted belongs to the present stay. One in the future
// would leave the rules blind until then.
func (w *Watcher) clean(s State, now time.Time) time.Time {
	if !s.Clean.After(now) {
		return s.Clean
	}
	if !w.ahead.Equal(s.Clean) || w.since.After(now) {
		w.ahead, w.since = s.Clean, now
	}
	return w.since
}

// memory is how far back the longest rule looks.
func (w *Watcher) memory() time.Duration {
	longest := longestTick
	for _, rule := range w.Release.Rollback {
		longest = max(longest, rule.For)
	}
	return longest + 10*w.Every
}

func (w *Watcher) keep(s Sample) {
	w.samples = append(w.samples, s)
	oldest := s.At.Add(-w.memory())
	w.samples = slices.DeleteFunc(w.samples, func(one Sample) bool { return one.At.Before(oldest) })
}

// count counts what happened since the last tick.
func (w *Watcher) count(ctx context.Context, now, clean time.Time, v View) Sample {
	s := Sample{From: now.Add(-w.Every), At: now, Counts: map[string]gate.Tick{}, Exposure: v.Actual()}
	if n := len(w.samples); n > 0 {
		switch last := w.samples[n-1].At; {
		case now.Sub(last) <= longestTick:
			s.From = last
		default:
			s.From = now.Add(-longestTick)
		}
	}
	if s.From.Before(clean) { // what was before has been acted upon
		s.From = clean
	}
	w.countPairs(ctx, &s)
	return s
}

// pair is what is counted together; rules often have the same.
type pair struct{ bad, total string }

// atOnce is how many questions are asked at the same time.
const atOnce = 4

// countPairs counts each pair once, several at the same time.
func (w *Watcher) countPairs(ctx context.Context, s *Sample) {
	src := metrics.Remember(w.Source) // all ask when processes began
	asked := map[pair][]string{{w.Release.Surveillance.Bad, w.Release.Surveillance.Total}: {surveillance}}
	for _, rule := range w.Release.Rollback {
		p := pair{rule.Bad, rule.Total}
		asked[p] = append(asked[p], rule.ID)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for p, ids := range asked {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			t, problem := tick(ctx, src, s.From, s.At, p)
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				s.Counts[id] = t
			}
			if problem > s.Problem { // of several the same one each time
				s.Problem = problem
			}
		})
	}
	all.Wait()
}

// tick counts one pair. What cannot be counted is not known, and neither good nor bad.
func tick(ctx context.Context, src metrics.Source, from, to time.Time, p pair) (t gate.Tick, problem string) {
	t = gate.Tick{From: from, At: to}
	if p.total == "" || !to.After(from) {
		return t, ""
	}
	n, err := metrics.Counts(ctx, src, p.total, from, to)
	var k int64
	if err == nil {
		k, err = Among(ctx, src, p.bad, p.total, from, to)
	}
	if err != nil {
		return t, "metrics: " + whyHold(err)
	}
	t.Bad, t.Total, t.Known = min(k, n), n, true
	return t, ""
}

// judge asks every rule, and the surveillance.
func (w *Watcher) judge(r *Report, clean time.Time) {
	for _, rule := range w.Release.Rollback {
		share, err := release.ParseShare(rule.Above)
		if err != nil {
			continue
		}
		var ticks []gate.Tick
		for _, s := range append(slices.Clone(w.samples), r.Sample) {
			if t, ok := s.Counts[rule.ID]; ok && s.At.After(clean) {
				ticks = append(ticks, t)
			}
		}
		sustained := gate.Sustained{Name: rule.ID, What: "errors", Above: share, For: rule.For, Step: w.Every}
		r.Rules[rule.ID] = sustained.Watch(ticks, r.At)
	}
	cusum := w.evidence(clean)
	if cusum == nil {
		return
	}
	if t := r.Sample.Counts[surveillance]; t.Known && cusum.Add(t.Bad, t.Total) {
		r.Rules[surveillance] = gate.Judgement{
			Verdict: gate.Fail, Bad: t.Bad, Total: t.Total,
			Words: fmt.Sprintf("evidence 10^%.1f, and 10^%.1f is enough", cusum.Evidence(), math.Log10(cusum.Limit)),
		}
	}
	r.Evidence = cusum.Evidence()
	r.Sample.Evidence = cusum
}

// evidence is the surveillance as the last sample left it, of which it is a part: what
// could not be kept was not counted. One of other parameters than the release has now
// tells nothing.
func (w *Watcher) evidence(clean time.Time) *gate.CUSUM {
	cusum := w.fresh()
	if cusum == nil {
		return nil
	}
	for _, one := range slices.Backward(w.samples) {
		if !one.At.After(clean) {
			break
		}
		if e := one.Evidence; e != nil {
			if e.Null == cusum.Null && e.Limit == cusum.Limit && slices.Equal(e.Alternatives, cusum.Alternatives) && e.Check() == nil {
				cusum.Logs = slices.Clone(e.Logs)
			}
			break
		}
	}
	return cusum
}

// fresh is a surveillance that has seen nothing; nil where the release has none.
func (w *Watcher) fresh() *gate.CUSUM {
	s := w.Release.Surveillance
	healthy, err := release.ParseShare(s.Healthy)
	if s.Total == "" || err != nil {
		return nil
	}
	var alternatives []float64
	for _, text := range s.Alternatives {
		share, err := release.ParseShare(text)
		if err != nil {
			return nil
		}
		alternatives = append(alternatives, share)
	}
	c := gate.NewCUSUM(healthy, alternatives, float64(s.Evidence))
	return &c
}

// act makes the gravest change that a rule asks for, or moves on.
func (w *Watcher) act(ctx context.Context, r *Report) {
	action, title, id, words := "", "", "", ""
	consider := func(ruleAction, ruleTitle, ruleID string) {
		j, judged := r.Rules[ruleID]
		if !judged || j.Verdict != gate.Fail || action == release.ActionOff {
			return
		}
		action, title, id, words = ruleAction, ruleTitle, ruleID, j.Words
	}
	for _, rule := range w.Release.Rollback {
		consider(rule.Action, rule.Title, rule.ID)
	}
	consider(w.Release.Surveillance.Action, w.Release.Surveillance.Title, surveillance)
	if action == "" {
		w.moveOn(ctx, r)
		return
	}
	actual := r.View.Actual()
	if !actual.MoreThan(Exposure{}) {
		return // there is nobody to take it from
	}
	change := w.Phases.Off(r.View)
	if action == release.ActionStepDown {
		change = w.Phases.StepDown(r.View)
	}
	change.Kind, change.Rule, change.Reason = KindRollback, id, title+": "+words
	r.Fired = change.Rule
	r.Failed = w.make(ctx, r, change)
}

// make makes a change. What led to it counts no more: the stay begins anew.
func (w *Watcher) make(ctx context.Context, r *Report, change Change) error {
	done, err := w.Controller.Do(ctx, r.View, change, nil)
	r.Done = &done
	if done.Flag.Version != 0 && ExposureOf(done.Flag).Same(done.Change.To) {
		r.View.State = r.View.State.settled(done.Change)
		r.View.Flag = done.Flag
	}
	return err
}

// moveOn goes to the next phase when it may, and everything is there.
func (w *Watcher) moveOn(ctx context.Context, r *Report) {
	i := w.Phases.At(r.View.State.Phase)
	if !w.AutoAdvance || i < 0 || i == len(w.Phases)-1 {
		return
	}
	s, phase := r.View.State, w.Phases[i]
	if s.Pending != nil || !w.mayAsk(s, phase, r.At) || !Met(Standing(s, w.Phases, w.Release.SignOffs, r.View.Actual(), r.At)) {
		return
	}
	window, src := Window{From: s.Clean, To: r.At, Before: s.Began}, metrics.Remember(w.Source)
	if phase.Samples > 0 && samples(ctx, src, w.Release, phase, window).Verdict != gate.Pass {
		return // how many there were says nothing of how good they were
	}
	rs := Judge(ctx, src, w.Release, phase, window)
	if !Met(rs) {
		w.notYet(ctx, r, phase, rs)
		return
	}
	change, _, err := w.Phases.Advance(r.View)
	if err != nil {
		return
	}
	change.Rule, change.Reason = AutoAdvanceRule, "everything was there"
	if err := w.make(ctx, r, change); err != nil {
		r.Problems = append(r.Problems, "moving on: "+err.Error()) // with the next tick, if it still may
		return
	}
	r.Fired = change.Rule
}

// AutoAdvanceRule is what made the watch move on.
const AutoAdvanceRule = "auto-advance"

// mayAsk reports whether the gates may be asked: once at the end of the soak and, if they
// could not tell, once more when it has lasted as long as it may. Who asks until the
// answer is yes gets it by chance.
func (w *Watcher) mayAsk(s State, p release.Phase, now time.Time) bool {
	a := s.Asked
	if a == nil || !a.Clean.Equal(s.Clean) {
		return true
	}
	end := s.Since.Add(p.Soak.Most)
	return a.Verdict == gate.Hold && p.Soak.Most > 0 && a.At.Before(end) && !now.Before(end)
}

// notYet keeps that the gates were asked, and tells whoever has to look. Where one could
// not be asked at all, nothing was looked at.
func (w *Watcher) notYet(ctx context.Context, r *Report, p release.Phase, rs []Requirement) {
	var words []string
	for _, one := range rs {
		if one.Verdict == gate.Hold && one.Kind == NeedsGate && len(one.Judgements) == 0 {
			r.Problems = append(r.Problems, "gate "+one.ID+": "+one.Words)
			return
		}
		if one.Verdict != gate.Pass {
			words = append(words, one.Title+": "+one.Words)
		}
	}
	s, verdict, text := r.View.State, Verdict(rs), strings.Join(words, "; ")
	s.Asked = &Asked{At: r.At, Clean: s.Clean, Verdict: verdict}
	saved, err := w.Controller.Update(ctx, s, Event{Kind: KindAsked, Text: string(verdict) + ": " + text})
	if err != nil {
		r.Problems = append(r.Problems, "the gates' answer could not be kept: "+err.Error())
		return
	}
	r.View.State = saved
	a := Alert{ID: AutoAdvanceRule, Title: "the gates do not let the rollout move on by itself", Level: "warning", Words: text}
	if verdict == gate.Hold && r.At.Before(s.Since.Add(p.Soak.Most)) {
		a.Words += "; they are asked again " + stamp(s.Since.Add(p.Soak.Most))
	}
	r.Alerts = append(r.Alerts, a)
}

// alert tells what begins and what is over.
func (w *Watcher) alert(ctx context.Context, now time.Time, r *Report) {
	set := func(id, title, level string, on, known bool, words string) {
		if !known || on == w.firing[id] {
			return
		}
		w.firing[id] = on
		r.Alerts = append(r.Alerts, Alert{ID: id, Title: title, Level: level, Over: !on, Words: words})
	}
	for _, a := range w.Release.Alerts {
		on, words, err := w.fires(ctx, a, now)
		// A count of nothing while nothing can be counted is no news.
		set(a.ID, a.Title, a.Level, on, err == nil && (on || words != none || r.Sample.Problem == ""), words)
	}
	set("metrics", "metrics cannot be asked", "warning", r.Sample.Problem != "", true, r.Sample.Problem)
	drift := ""
	if r.View.Drifted() {
		drift = fmt.Sprintf("the flag is at %s; the rollout left it at %s", r.View.Actual(), r.View.State.Exposure)
	}
	set("drift", "somebody has changed the flag behind the rollout's back", "warning", drift != "", true, drift)
	views, err := w.Controller.Instances.Ask(ctx, w.Controller.Flag)
	if err != nil {
		r.Problems = append(r.Problems, "instances: "+err.Error())
		set("instances", "instances cannot be asked", "warning", true, ctx.Err() == nil, err.Error())
		return
	}
	r.Instances = views
	var behind []string
	late := map[string]bool{}
	for _, v := range views {
		if v.Sees(r.View.Flag) {
			continue
		}
		late[v.Address] = true
		if w.behind[v.Address] { // also at the tick before: a change takes its time to arrive
			behind = append(behind, v.Address)
		}
	}
	w.behind = late
	set("instances", "instances do not follow the flag", "warning", len(behind) > 0, true, strings.Join(behind, ", "))
}

// fires reports whether the alert is on, and by what.
func (w *Watcher) fires(ctx context.Context, a release.Alert, now time.Time) (on bool, words string, err error) {
	from := now.Add(-a.For)
	switch a.Kind {
	case release.AlertRate:
		n, err := metrics.Counts(ctx, w.Source, a.Bad, from, now)
		if errors.Is(err, metrics.ErrNoData) {
			return false, none, nil
		}
		rate := float64(n) / a.For.Minutes()
		return rate > float64(a.PerMinute), fmt.Sprintf("%d in %s", n, length(a.For)), err
	case release.AlertSlow:
		share, err := release.ParseShare(a.Share)
		if err != nil {
			return false, "", err
		}
		buckets, err := histogram(ctx, w.Source, a.Histogram, from, now)
		if err != nil {
			return false, "", err
		}
		j := gate.Slow{What: "requests", Bound: a.Bound.Seconds(), Share: share, Alpha: alertAlpha}.Judge(buckets)
		return j.Verdict == gate.Fail, j.Words, nil
	}
	share, err := release.ParseShare(a.Above)
	if err != nil {
		return false, "", err
	}
	n, err := metrics.Counts(ctx, w.Source, a.Total, from, now)
	if err != nil {
		return false, "", err
	}
	k, err := Among(ctx, w.Source, a.Bad, a.Total, from, now)
	if err != nil {
		return false, "", err
	}
	j := gate.Budget{What: "errors", Threshold: share, Alpha: alertAlpha}.Judge(min(k, n), n)
	return j.Verdict == gate.Fail && k >= leastBad, j.Words, nil
}

// none is what a rate says that nothing was counted of.
const none = "none"

const (
	// alertAlpha is the chance of an alert by chance, at one look; leastBad is below how
	// many nobody is woken.
	alertAlpha = 0.01
	leastBad   = 3
)
