package reports

import (
	"testing"
	"time"
)

func TestQuantitiesForPeople(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", time.Microsecond: "0.01 s", 9 * time.Millisecond: "0.01 s", 94 * time.Millisecond: "0.09 s",
		95 * time.Millisecond: "0.1 s", 400 * time.Millisecond: "0.4 s", 9940 * time.Millisecond: "9.9 s", 9960 * time.Millisecond: "10 s",
		21 * time.Second: "21 s", 59600 * time.Millisecond: "1 min 00 s", 185 * time.Second: "3 min 05 s",
		3599600 * time.Millisecond: "1 h 00 min", 62 * time.Minute: "1 h 02 min", 1500 * time.Hour: "1,500 h 00 min", -time.Second: "0 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 9_949: "9.9 kB", 9_950: "10 kB", 9_990: "10 kB",
		212_000_000: "212 MB", 999_600: "1.0 MB", 1_900_000_000: "1.9 GB", 9_223_372_036_854_775_807: "9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 18204: "18,204", -1234567: "-1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
