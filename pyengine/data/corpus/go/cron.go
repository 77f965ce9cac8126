package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// field is a set of small numbers; bit n stands for n.
type field uint64

func (f field) has(n int) bool { return f>>uint(n)&1 == 1 }

// Schedule is a parsed line such as "*/15 8-18 * * mon-fri".
type Schedule struct {
	minute, hour, dom, month, dow field

	// Where both days are restricted, either is enough. Everybody is surprised by this once.
	eitherDay bool
}

var bounds = [...]struct {
	name     string
	min, max int
	names    string
}{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day", 1, 31, ""},
	{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
	{"weekday", 0, 6, "sun mon tue wed thu fri sat"},
}

func Parse(spec string) (*Schedule, error) {
	words := strings.Fields(strings.ToLower(spec))
	if len(words) != len(bounds) {
		return nil, fmt.Errorf("cron: %d fields in %q, want %d", len(words), spec, len(bounds))
	}
	var sets [len(bounds)]field
	for i, word := range words {
		for _, part := range strings.Split(word, ",") {
			set, err := parseRange(part, i)
			if err != nil {
				return nil, fmt.Errorf("cron: %s: %w", bounds[i].name, err)
			}
			sets[i] |= set
		}
	}
	return &Schedule{
		sets[0], sets[1], sets[2], sets[3], sets[4],
		words[2] != "*" && words[4] != "*",
	}, nil
}

func parseRange(part string, which int) (set field, err error) {
	b := bounds[which]
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return 0, fmt.Errorf("bad step %q", stepText)
		}
	}
	from, to := b.min, b.max
	if span != "*" {
		low, high, isRange := strings.Cut(span, "-")
		if from, err = number(low, which); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if to, err = number(high, which); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
	}
	if from > to {
		return 0, fmt.Errorf("%q runs backwards", span)
	}
	for n := from; n <= to; n += step {
		set |= 1 << uint(n)
	}
	return set, nil
}

func number(text string, which int) (int, error) {
	b := bounds[which]
	for i, name := range strings.Fields(b.names) {
		if text == name {
			return b.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < b.min || n > b.max {
		return 0, fmt.Errorf("%q is not in %d-%d", text, b.min, b.max)
	}
	return n, nil
}

// Next returns the first minute after t that matches, or the zero time if none does in five years.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.Truncate(time.Minute).Add(time.Minute)
	for limit := t.AddDate(5, 0, 0); t.Before(limit); {
		switch {
		case !s.month.has(int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
		case !s.day(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
		case !s.hour.has(t.Hour()):
			t = t.Truncate(time.Hour).Add(time.Hour)
		case !s.minute.has(t.Minute()):
			ahead := uint64(s.minute) >> uint(t.Minute())
			t = t.Add(time.Duration(min(bits.TrailingZeros64(ahead), 60-t.Minute())) * time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

func (s *Schedule) day(t time.Time) bool {
	dom, dow := s.dom.has(t.Day()), s.dow.has(int(t.Weekday()))
	if s.eitherDay {
		return dom || dow
	}
	return dom && dow
}
