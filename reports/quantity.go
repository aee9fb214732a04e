package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration renders a duration for people: "0.04 s", "0.4 s", "21 s",
// "3 min 05 s", "1 h 02 min".
func Duration(d time.Duration) string {
	switch tenths := d.Round(100 * time.Millisecond); {
	case d <= 0:
		return "0 s"
	case d < 10*time.Millisecond:
		return "0.01 s" // shorter is of no interest to anybody
	case d < 95*time.Millisecond:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case tenths < 10*time.Second:
		return fmt.Sprintf("%.1f s", tenths.Seconds())
	}
	seconds := int64(d.Round(time.Second) / time.Second)
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min %02d s", seconds/60, seconds%60)
	}
	minutes := int64(d.Round(time.Minute) / time.Minute)
	return fmt.Sprintf("%s h %02d min", Count(minutes/60), minutes%60)
}

// Bytes renders a size in decimal units, as disks and networks count: "812 bytes",
// "9.4 kB", "212 MB", "1.9 GB".
func Bytes(n int64) string {
	if n < 1000 {
		return plural(n, "byte", "bytes")
	}
	value, unit := float64(n), ""
	for _, u := range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		value, unit = value/1000, u
		if value < 999.5 {
			break
		}
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// Count renders a number with thousands separators: "18,204".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// plural renders a number with its noun: "1 check", "48 checks".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}
