package featureflag

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Percentage is a share of the users in hundredths of a percent: 0 … 10000.
type Percentage uint16

// Everybody is 100%.
const Everybody Percentage = 10_000

// ParsePercentage reads a plain decimal from 0 to 100 with at most two digits
// behind the point: "0", "12.5", "99.99". Nothing else is a percentage: not "10%",
// not "1e1", not "+5", not "NaN".
func ParsePercentage(text string) (Percentage, error) {
	whole, part, dotted := strings.Cut(text, ".")
	n, err := digits(whole, 3)
	if err != nil || (dotted && (part == "" || len(part) > 2)) {
		return 0, errPercentage
	}
	hundredths := n * 100
	if dotted {
		f, err := digits(part, 2)
		if err != nil {
			return 0, errPercentage
		}
		if len(part) == 1 {
			f *= 10
		}
		hundredths += f
	}
	if hundredths > int(Everybody) {
		return 0, errPercentage
	}
	return Percentage(hundredths), nil
}

var errPercentage = fmt.Errorf("a percentage is a number from 0 to 100 with at most two digits behind the point, like 12.5")

// digits reads one to most decimal digits, and nothing else.
func digits(text string, most int) (int, error) {
	if text == "" || len(text) > most {
		return 0, errPercentage
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, errPercentage
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, nil
}

// String is the shortest text that ParsePercentage reads back: "12.5".
func (p Percentage) String() string {
	text := strconv.Itoa(int(p / 100))
	if f := p % 100; f != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%02d", f), "0")
	}
	return text
}

// MarshalJSON is a JSON number: 12.5.
func (p Percentage) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a JSON number in the form that ParsePercentage reads.
func (p *Percentage) UnmarshalJSON(text []byte) error {
	var n json.Number
	if err := json.Unmarshal(text, &n); err != nil {
		return errPercentage
	}
	read, err := ParsePercentage(n.String())
	if err == nil {
		*p = read
	}
	return err
}
