// Generates a maze with Kruskal's algorithm and prints it with its longest way.
use std::collections::VecDeque;
use std::fmt;

struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn find(&mut self, mut i: usize) -> usize {
        while self.0[i] != i {
            self.0[i] = self.0[self.0[i]]; // path halving
            i = self.0[i];
        }
        i
    }

    fn union(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a] = b;
        a != b
    }
}

/// SplitMix64; good enough to shuffle walls and needs no crate.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
    }
}

struct Maze {
    width: usize,
    height: usize,
    open: Vec<Vec<usize>>,
    path: Vec<bool>,
}

impl Maze {
    fn generate(width: usize, height: usize, seed: u64) -> Self {
        let cells = width * height;
        let mut walls: Vec<(usize, usize)> = (0..cells)
            .flat_map(|c| {
                let right = (c % width + 1 < width).then_some((c, c + 1));
                let below = (c + width < cells).then_some((c, c + width));
                right.into_iter().chain(below)
            })
            .collect();
        Rng(seed).shuffle(&mut walls);

        let mut sets = DisjointSets((0..cells).collect());
        let mut open = vec![Vec::with_capacity(4); cells];
        for (a, b) in walls {
            if sets.union(a, b) {
                open[a].push(b);
                open[b].push(a);
            }
        }
        Maze { width, height, open, path: vec![false; cells] }
    }

    fn farthest(&self, start: usize) -> (usize, Vec<usize>) {
        let mut from = vec![usize::MAX; self.open.len()];
        let mut queue = VecDeque::from([start]);
        from[start] = start;
        let mut last = start;
        while let Some(cell) = queue.pop_front() {
            last = cell;
            for &next in &self.open[cell] {
                if from[next] == usize::MAX {
                    from[next] = cell;
                    queue.push_back(next);
                }
            }
        }
        (last, from)
    }

    // In a tree, the farthest cell from the farthest cell of anywhere ends a longest way.
    fn mark_longest(&mut self) -> usize {
        let (start, _) = self.farthest(0);
        let (mut at, from) = self.farthest(start);
        let mut steps = 0;
        self.path[at] = true;
        while at != start {
            at = from[at];
            self.path[at] = true;
            steps += 1;
        }
        steps
    }
}

impl fmt::Display for Maze {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}+", "+--".repeat(self.width))?;
        for y in 0..self.height {
            let (mut middle, mut bottom) = (String::from("|"), String::new());
            for c in y * self.width..(y + 1) * self.width {
                middle += if self.path[c] { "()" } else { "  " };
                middle += if self.open[c].contains(&(c + 1)) { " " } else { "|" };
                bottom += if self.open[c].contains(&(c + self.width)) { "+  " } else { "+--" };
            }
            writeln!(f, "{middle}\n{bottom}+")?;
        }
        Ok(())
    }
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut maze = Maze::generate(24, 12, seed);
    let steps = maze.mark_longest();
    print!("{maze}");
    println!("{steps} steps");
}
