package org.example.compress;

import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.PriorityQueue;

/** Canonical Huffman codes over bytes: only the code lengths have to be stored. */
public final class HuffmanCode {
    private static final int SYMBOLS = 256;
    static final int MAX_LENGTH = 32;

    private final int[] lengths = new int[SYMBOLS];
    private final int[] codes = new int[SYMBOLS];

    private abstract static class Tree implements Comparable<Tree> {
        final long weight;

        Tree(long weight) {
            this.weight = weight;
        }

        @Override
        public int compareTo(Tree other) {
            return Long.compare(weight, other.weight);
        }
    }

    private static final class Leaf extends Tree {
        final int symbol;

        Leaf(int symbol, long weight) {
            super(weight);
            this.symbol = symbol;
        }
    }

    private static final class Fork extends Tree {
        final Tree zero;
        final Tree one;

        Fork(Tree zero, Tree one) {
            super(zero.weight + one.weight);
            this.zero = zero;
            this.one = one;
        }
    }

    public static HuffmanCode forText(byte[] text) {
        long[] counts = new long[SYMBOLS];
        for (byte b : text) {
            counts[b & 0xff]++;
        }
        PriorityQueue<Tree> queue = new PriorityQueue<>();
        for (int s = 0; s < SYMBOLS; s++) {
            if (counts[s] > 0) queue.add(new Leaf(s, counts[s]));
        }
        if (queue.size() == 1) {
            queue.add(new Leaf(queue.peek() instanceof Leaf leaf && leaf.symbol == 0 ? 1 : 0, 0));
        }
        while (queue.size() > 1) {
            queue.add(new Fork(queue.poll(), queue.poll()));
        }
        HuffmanCode code = new HuffmanCode();
        if (!queue.isEmpty()) code.measure(queue.poll());
        code.assign();
        return code;
    }

    // Without recursion: a degenerate tree is as deep as there are symbols.
    private void measure(Tree root) {
        Deque<Tree> trees = new ArrayDeque<>();
        Deque<Integer> depths = new ArrayDeque<>();
        trees.push(root);
        depths.push(0);
        while (!trees.isEmpty()) {
            Tree tree = trees.pop();
            int depth = depths.pop();
            if (tree instanceof Leaf leaf) {
                lengths[leaf.symbol] = depth;
            } else if (tree instanceof Fork fork) {
                for (Tree child : Arrays.asList(fork.zero, fork.one)) {
                    trees.push(child);
                    depths.push(depth + 1);
                }
            }
        }
    }

    private void assign() {
        int next = 0;
        for (int length = 1; length <= MAX_LENGTH; length++) {
            for (int s = 0; s < SYMBOLS; s++) {
                if (lengths[s] == length) codes[s] = next++;
            }
            next <<= 1;
        }
    }

    public byte[] encode(byte[] text) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(text.length);
        long pending = 0;
        int bits = 0;
        for (byte b : text) {
            pending = pending << lengths[b & 0xff] | codes[b & 0xff] & 0xffffffffL;
            bits += lengths[b & 0xff];
            while (bits >= 8) {
                bits -= 8;
                out.write((int) (pending >>> bits));
            }
        }
        if (bits > 0) out.write((int) (pending << (8 - bits)));
        return out.toByteArray();
    }
}
