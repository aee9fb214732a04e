package gate

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// shareWords is the evidence of a share: "14 errors in 2,310 (0.6%, 95% 0.4–1.0%) < 2%".
func shareWords(j Judgement, bad string) string {
	relation := " not told from "
	switch {
	case j.High < j.Threshold:
		relation = " < "
	case j.Low > j.Threshold:
		relation = " > "
	}
	var share float64
	if j.Total > 0 {
		share = float64(j.Bad) / float64(j.Total)
	}
	d := digits(j.Low, j.High, j.Threshold)
	return bad + " in " + count(j.Total) +
		" (" + fixed(share, d) + "%, " + percent(j.Confidence) + " " + fixed(j.Low, d) + "–" + fixed(j.High, d) + "%)" +
		relation + percent(j.Threshold)
}

// digits is how many decimals of a percentage are needed: one, more for a small
// threshold, and so many that a bound beside the threshold does not look equal to it.
func digits(low, high, threshold float64) int {
	d := 1
	for t := threshold; t < 0.01 && d < 9; t *= 10 {
		d++
	}
	for d < 9 && (high < threshold && fixed(high, d) == fixed(threshold, d) ||
		low > threshold && fixed(low, d) == fixed(threshold, d)) {
		d++
	}
	return d
}

// fixed is a share in percent with d decimals, without the sign.
func fixed(share float64, d int) string {
	return strconv.FormatFloat(100*share, 'f', d, 64)
}

// percent is a share in percent, as short as it can be: "2%", "0.5%", "98.75%".
func percent(share float64) string {
	return short(100*share) + "%"
}

// short is a number to ten figures without what a float64 adds: 0.07 × 100 is 7.
func short(x float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 10, 64), 64)
	if err != nil {
		rounded = x
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// count writes 2310 as 2,310.
func count(n int64) string {
	digits := strconv.FormatUint(magnitude(n), 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// quantity is "14 errors", or "1 error".
func quantity(n int64, what string) string {
	if n == 1 {
		if one, ok := strings.CutSuffix(what, "sses"); ok {
			what = one + "ss"
		} else if one, ok := strings.CutSuffix(what, "s"); ok && !strings.HasSuffix(one, "s") {
			what = one
		}
	}
	return strings.TrimSpace(count(n) + " " + what)
}

// seconds is a bound of a histogram: "300 ms", "1.5 s".
func seconds(s float64) string {
	switch {
	case math.IsInf(s, 1):
		return "+Inf"
	case s > 0 && s < 1:
		return short(1000*s) + " ms"
	}
	return short(s) + " s"
}

// span is a duration without what is zero at its end: "5m", "1h30m".
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// chance is a p-value: "0.0312", "< 0.0001".
func chance(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return "= " + strconv.FormatFloat(p, 'g', 2, 64)
}
