// Command diskusage sums up folders in parallel and prints the largest.
package main

import (
	"container/heap"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

type folder struct {
	path  string
	bytes int64
}

// smallestFirst is a heap that never holds more than a fixed number of folders.
type smallestFirst []folder

func (h smallestFirst) Len() int           { return len(h) }
func (h smallestFirst) Less(i, j int) bool { return h[i].bytes < h[j].bytes }
func (h smallestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *smallestFirst) Push(x any)        { *h = append(*h, x.(folder)) }
func (h *smallestFirst) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

type walker struct {
	slots  chan struct{}
	wg     sync.WaitGroup
	found  chan folder
	errors atomic.Int64
}

func (w *walker) visit(path string) {
	defer w.wg.Done()
	w.slots <- struct{}{}
	entries, err := os.ReadDir(path)
	<-w.slots
	if err != nil {
		w.errors.Add(1)
		fmt.Fprintln(os.Stderr, err)
	}

	var total int64
	for _, entry := range entries {
		switch {
		case entry.IsDir():
			w.wg.Add(1)
			go w.visit(filepath.Join(path, entry.Name()))
		case entry.Type()&fs.ModeSymlink != 0:
			// not followed: its target is counted where it is
		default:
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
	}
	w.found <- folder{path, total}
}

func human(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	for value >= 999.5 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.3g %cB", value, units[unit])
}

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
	}

	w := &walker{
		slots: make(chan struct{}, 4*runtime.NumCPU()),
		found: make(chan folder, 256),
	}
	for _, root := range roots {
		w.wg.Add(1)
		go w.visit(root)
	}
	go func() {
		w.wg.Wait()
		close(w.found)
	}()

	const keep = 20
	var top smallestFirst
	var sum int64
	for f := range w.found {
		sum += f.bytes
		heap.Push(&top, f)
		if top.Len() > keep {
			heap.Pop(&top)
		}
	}
	lines := make([]string, top.Len())
	for i := len(lines) - 1; i >= 0; i-- {
		f := heap.Pop(&top).(folder)
		lines[i] = fmt.Sprintf("%10s  %s", human(f.bytes), f.path)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	fmt.Printf("%10s  in all\n", human(sum))
	if w.errors.Load() > 0 {
		os.Exit(1)
	}
}
