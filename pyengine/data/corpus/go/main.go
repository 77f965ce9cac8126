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
	for i, e := range entries {
		if i == *top {
			break
		}
		fmt.Printf("%6d  %s\n", e.count, e.word)
	}
}
