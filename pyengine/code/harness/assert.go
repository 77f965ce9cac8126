// Package assert holds the assertions that HumanEval-X's tests in Go make, which otherwise come
// from a module that is not part of Go.
package assert

import (
	"bytes"
	"fmt"
	"judge/testing"
	"math"
	"reflect"
)

// Assertions are those of one test.
type Assertions struct{ t *testing.T }

// New returns the assertions of a test.
func New(t *testing.T) *Assertions { return &Assertions{t} }

func equal(expected, actual any) bool {
	first, isBytes := expected.([]byte)
	second, both := actual.([]byte)
	if isBytes && both && first != nil && second != nil {
		return bytes.Equal(first, second)
	}
	return reflect.DeepEqual(expected, actual)
}

func isNil(value any) bool {
	if value == nil {
		return true
	}
	switch held := reflect.ValueOf(value); held.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return held.IsNil()
	}
	return false
}

func number(value any) float64 {
	held := reflect.ValueOf(value)
	switch {
	case held.CanInt():
		return float64(held.Int())
	case held.CanUint():
		return float64(held.Uint())
	case held.CanFloat():
		return held.Float()
	}
	return math.NaN()
}

func hold(t *testing.T, held bool, form string, values ...any) bool {
	if !held {
		t.Errorf("%s", fmt.Sprintf(form, values...))
	}
	return held
}

func Equal(t *testing.T, expected, actual any, _ ...any) bool {
	return hold(t, equal(expected, actual), "%#v is not the expected %#v", actual, expected)
}

func NotEqual(t *testing.T, expected, actual any, _ ...any) bool {
	return hold(t, !equal(expected, actual), "%#v was not to be", actual)
}

func True(t *testing.T, value bool, _ ...any) bool  { return hold(t, value, "false") }
func False(t *testing.T, value bool, _ ...any) bool { return hold(t, !value, "true") }

func Nil(t *testing.T, value any, _ ...any) bool {
	return hold(t, isNil(value), "%#v is not nil", value)
}

func NotNil(t *testing.T, value any, _ ...any) bool { return hold(t, !isNil(value), "nil") }

func InDelta(t *testing.T, expected, actual any, delta float64, _ ...any) bool {
	a, b := number(expected), number(actual)
	near := math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= delta
	return hold(t, near, "%v is not within %v of %v", actual, delta, expected)
}

func (a *Assertions) Equal(expected, actual any, more ...any) bool {
	return Equal(a.t, expected, actual, more...)
}

func (a *Assertions) NotEqual(expected, actual any, more ...any) bool {
	return NotEqual(a.t, expected, actual, more...)
}

func (a *Assertions) True(value bool, more ...any) bool  { return True(a.t, value, more...) }
func (a *Assertions) False(value bool, more ...any) bool { return False(a.t, value, more...) }
func (a *Assertions) Nil(value any, more ...any) bool    { return Nil(a.t, value, more...) }
func (a *Assertions) NotNil(value any, more ...any) bool { return NotNil(a.t, value, more...) }

func (a *Assertions) InDelta(expected, actual any, delta float64, more ...any) bool {
	return InDelta(a.t, expected, actual, delta, more...)
}
