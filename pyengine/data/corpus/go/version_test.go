package semver

import (
	"errors"
	"math/rand"
	"sort"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in      string
		want    Version
		wantErr error
	}{
		"plain":            {in: "1.2.3", want: Version{Major: 1, Minor: 2, Patch: 3}},
		"leading v":        {in: "v0.10.0", want: Version{Minor: 10}},
		"pre-release":      {in: "1.0.0-rc.1", want: Version{Major: 1, Pre: []string{"rc", "1"}}},
		"build is dropped": {in: "1.0.0+linux", want: Version{Major: 1}},
		"empty":            {in: "", wantErr: ErrSyntax},
		"two parts":        {in: "1.2", wantErr: ErrSyntax},
		"leading zero":     {in: "1.02.3", wantErr: ErrLeadingZero},
		"too large":        {in: "99999999999999999999.0.0", wantErr: ErrRange},
		"empty identifier": {in: "1.0.0-a..b", wantErr: ErrSyntax},
	}
	for name, tc := range tests {
		tc := tc
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tc.in)
			if !errors.Is(err, tc.wantErr) {
				t.Fatalf("Parse(%q) failed with %v, want %v", tc.in, err, tc.wantErr)
			}
			if err == nil && !got.Equal(tc.want) {
				t.Errorf("Parse(%q) = %+v, want %+v", tc.in, got, tc.want)
			}
		})
	}
}

// The order is the example of section 11 of the specification, and a few of ours.
func TestLessSortsAShuffledList(t *testing.T) {
	const ordered = `0.9.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta
		1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.10.0 2.0.0`
	want := strings.Fields(ordered)
	rng := rand.New(rand.NewSource(1))
	for round := 0; round < 20; round++ {
		got := append([]string(nil), want...)
		rng.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		sort.Slice(got, func(i, j int) bool { return MustParse(got[i]).Less(MustParse(got[j])) })
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("round %d:\n got %v\nwant %v", round, got, want)
		}
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustParse("one point oh")
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("1.2.3-x.7.z.92")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			t.Skip()
		}
		if again := MustParse(v.String()); !again.Equal(v) {
			t.Errorf("%q became %q", text, v)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		_, _ = Parse("12.34.56-beta.7")
	}
}
