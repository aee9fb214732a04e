package gate_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/clipper/clipperops/rollout/gate"
)

// sound fails when a judgement is not one: no NaN (JSON refuses it), an interval that is
// one, a reason for a hold and for nothing else, and no pass of what is not below.
func sound(t *testing.T, j gate.Judgement) {
	t.Helper()
	if _, err := json.Marshal(j); err != nil {
		t.Fatalf("%+v: %v", j, err)
	}
	if !(0 <= j.Low && j.Low <= j.High && j.High <= 1) || j.More < 0 || j.Words == "" {
		t.Fatalf("%+v", j)
	}
	switch j.Verdict {
	case gate.Hold:
		if j.Reason == "" {
			t.Fatalf("held without a reason: %+v", j)
		}
	case gate.Pass, gate.Fail:
		if j.Reason != "" || j.More != 0 || j.Total <= 0 || j.Bad < 0 || j.Bad > j.Total {
			t.Fatalf("%+v", j)
		}
	default:
		t.Fatalf("no verdict: %+v", j)
	}
}

func FuzzBudget(f *testing.F) {
	f.Add(int64(14), int64(2310), 0.02, 0.05, int64(100))
	f.Add(int64(0), int64(0), 0.005, 0.0125, int64(0))
	f.Add(int64(-1), int64(math.MaxInt64), math.NaN(), math.Inf(1), int64(math.MinInt64))
	f.Add(int64(1e12), int64(1e12), 0.999999, 1e-15, int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, bad, total int64, threshold, alpha float64, atLeast int64) {
		b := gate.Budget{What: "errors", Threshold: threshold, Alpha: alpha, AtLeast: atLeast}
		j := b.Judge(bad, total)
		sound(t, j)
		if b.Check() != nil && j.Verdict != gate.Hold {
			t.Fatalf("%+v judges %+v", b, j)
		}
		if j.Verdict == gate.Pass && !(j.High < threshold && total >= atLeast && float64(bad) < threshold*float64(total)) {
			t.Fatalf("%+v passes %+v", b, j)
		}
	})
}

// histogram reads counts and bounds of arbitrary bytes: sound histograms mostly, for
// junk alone would never come beyond the first question.
func histogram(text []byte) (buckets []gate.Bucket) {
	var le float64
	var sum int64
	for ; len(text) >= 5 && len(buckets) < 20; text = text[5:] {
		le += float64(text[0]) / 100
		sum += int64(int32(binary.LittleEndian.Uint32(text[1:5])))
		buckets = append(buckets, gate.Bucket{LE: le, Count: sum})
	}
	if len(buckets) > 0 {
		buckets[len(buckets)-1].LE = math.Inf(1)
	}
	return buckets
}

func FuzzHistograms(f *testing.F) {
	f.Add([]byte("\x1e\x10\x00\x00\x00\x10\x01\x00\x00\x00"), []byte("\x1e\x10\x00\x00\x00\x10\x01\x00\x00\x00"), 0.3, 0.05, 0.05)
	f.Add([]byte{}, []byte("\x00\xff\xff\xff\xff"), math.NaN(), 0.5, math.Inf(-1))
	f.Fuzz(func(t *testing.T, before, after []byte, bound, share, alpha float64) {
		earlier, later := histogram(before), histogram(after)
		sound(t, gate.Slow{Bound: bound, Share: share, Alpha: alpha}.Judge(later))
		s := gate.Slower{Effect: share, Alpha: alpha}
		j := s.Judge(earlier, later)
		sound(t, j)
		if j.Verdict == gate.Fail && !(j.P < alpha && j.Effect > share) || j.Verdict == gate.Pass && !(j.High < share) {
			t.Fatalf("%+v: %+v", s, j)
		}
		text, err := json.Marshal(later)
		if err != nil {
			t.Fatal(err)
		}
		var back []gate.Bucket
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzWatching(f *testing.F) {
	f.Add([]byte("\x0f\x03\x09\x0f\x01\x09\x0f\x03\x09"), int64(60), int64(15), 0.1, int64(3))
	f.Add([]byte("\x00\xff\x01\x80\x03\x03"), int64(0), int64(-1), math.NaN(), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, text []byte, window, step int64, above float64, factor int64) {
		var ticks []gate.Tick
		c := gate.NewCUSUM(0.02, []float64{0.04, 0.3}, 1e4)
		at := noon
		var bad, known int64
		for ; len(text) >= 3 && len(ticks) < 200; text = text[3:] {
			at = at.Add(time.Duration(int8(text[0])) * time.Second) // backwards, too
			tick := gate.Tick{At: at, Bad: int64(int8(text[1])), Total: int64(text[2]) * factor, Known: text[1]%8 != 7}
			if text[0]%3 == 0 {
				tick.From = at.Add(-time.Duration(int8(text[2])) * time.Second)
			}
			ticks = append(ticks, tick)
			if tick.Known && tick.Bad >= 0 && tick.Total >= tick.Bad && tick.Total <= 1<<53 {
				bad, known = bad+tick.Bad, known+1
			}
			before := c.Evidence()
			c.Add(tick.Bad, tick.Total)
			if math.IsNaN(c.Evidence()) || tick.Bad > tick.Total && c.Evidence() != before {
				t.Fatalf("evidence %v after %+v, before %v", c.Evidence(), tick, before)
			}
		}
		s := gate.Sustained{Name: "off", Above: above, For: time.Duration(window) * time.Second, Step: time.Duration(step) * time.Second}
		j := s.Watch(ticks, at)
		sound(t, j)
		if s.Check() != nil && j.Verdict != gate.Hold {
			t.Fatalf("%+v judges %+v", s, j)
		}
		if j.Verdict == gate.Fail && (j.Bad < 3 || j.Bad > bad || !(j.Low > above)) {
			t.Fatalf("%+v fires with %+v; %d bad ones are known", s, j, bad)
		}
		if known == 0 && j.Verdict != gate.Hold {
			t.Fatalf("judged what nobody knows: %+v", j)
		}
	})
}
