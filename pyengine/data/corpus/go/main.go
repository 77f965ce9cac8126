package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

type entry struct {
	word  string
	count int
}

func count(scanner *bufio.Scanner, minimum int) (map[string]int, error) {
	counts := make(map[string]int)
	scanner.Split(bufio.ScanWords)
	for scanner.Scan() {
		word := strings.ToLower(strings.Trim(scanner.Text(), ".,;:!?\"'()"))
		if len(word) < minimum {
			continue
		}
		counts[word]++
	}
	return counts, scanner.Err()
}

// total sums up all counts, so that shares can be printed.
func total(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func main() {
	top := flag.Int("top", 10, "how many words to print")
	minimum := flag.Int("min", 1, "shortest word that counts")
	flag.Parse()

	counts, err := count(bufio.NewScanner(os.Stdin), *minimum)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot read: %v\n", err)
		os.Exit(1)
	}

	entries := make([]entry, 0, len(counts))
	for word, n := range counts {
		entries = append(entries, entry{word, n})
	}
	sort.Slice(entries, func(i, j int) bool {
		if entries[i].count != entries[j].count {
			return entries[i].count > entries[j].count
		}
		return entries[i].word < entries[j].word
	})
	sum := total(counts)
	for i, e := range entries {
		if i == *top {
			break
		}
		share := 100 * float64(e.count) / float64(sum)
		fmt.Printf("%6d  %5.2f %%  %s\n", e.count, share, e.word)
	}
}
