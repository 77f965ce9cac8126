// Package testing stands in for Go's own in tests that share a program with a solution: the little
// of it that such tests use, so that it compiles in no time. A failed test ends the program.
package testing

import (
	"fmt"
	"os"
	"sync"
)

// T is what a test is given.
type T struct {
	mutex  sync.Mutex
	failed bool
}

// B is there for files that have benchmarks too; none is run.
type B struct{ N int }

func (t *T) Helper()                         {}
func (t *T) Parallel()                       {}
func (t *T) Log(values ...any)               {}
func (t *T) Logf(form string, values ...any) {}
func (t *T) Cleanup(f func())                {}
func (t *T) Name() string                    { return "" }

// Fail says that the test did not hold, and goes on.
func (t *T) Fail() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.failed = true
}

// Failed tells whether it did not hold.
func (t *T) Failed() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.failed
}

// FailNow ends the program.
func (t *T) FailNow() {
	fmt.Fprintln(os.Stderr, "a test failed")
	os.Exit(1)
}

func (t *T) Error(values ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"a test failed:"}, values...)...)
	t.Fail()
}

func (t *T) Errorf(form string, values ...any) {
	fmt.Fprintf(os.Stderr, "a test failed: "+form+"\n", values...)
	t.Fail()
}

func (t *T) Fatal(values ...any) {
	t.Error(values...)
	os.Exit(1)
}

func (t *T) Fatalf(form string, values ...any) {
	t.Errorf(form, values...)
	os.Exit(1)
}

// Run runs a part of a test.
func (t *T) Run(name string, part func(*T)) bool {
	inner := &T{}
	part(inner)
	if inner.Failed() {
		t.Fail()
	}
	return !inner.Failed()
}

// Run runs a test, and ends the program where it does not hold.
func Run(test func(*T)) {
	t := &T{}
	test(t)
	if t.Failed() {
		t.FailNow()
	}
}

// End says the word that the end of all tests is known by.
func End(word string) {
	fmt.Println()
	fmt.Println(word)
}
