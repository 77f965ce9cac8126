import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

class WordCount {
    private final ConcurrentHashMap<String, LongAdder> counts = new ConcurrentHashMap<>();

    void read(Path path) {
        try (BufferedReader reader = Files.newBufferedReader(path, StandardCharsets.UTF_8)) {
            String line;
            while ((line = reader.readLine()) != null) {
                for (String word : line.toLowerCase().split("[^\\p{L}']+")) {
                    if (!word.isEmpty()) {
                        counts.computeIfAbsent(word, key -> new LongAdder()).increment();
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many words make up half of the text: a measure of how varied it is. */
    int commonWords() {
        long[] sizes = counts.values().stream().mapToLong(LongAdder::sum).sorted().toArray();
        long half = java.util.Arrays.stream(sizes).sum() / 2;
        int words = 0;
        for (int i = sizes.length - 1; i >= 0 && half > 0; i--) {
            half -= sizes[i];
            words++;
        }
        return words;
    }

    public static void main(String[] args) throws InterruptedException {
        WordCount total = new WordCount();
        ExecutorService pool = Executors.newFixedThreadPool(4);
        for (String arg : args) {
            pool.submit(() -> total.read(Path.of(arg)));
        }
        pool.shutdown();
        if (!pool.awaitTermination(1, TimeUnit.MINUTES)) {
            System.err.println("gave up after one minute");
            System.exit(1);
        }
        Map<String, LongAdder> sorted = new TreeMap<>(total.counts);
        System.out.println(total.commonWords() + " words make up half of it");
        sorted.forEach((word, n) -> System.out.printf("%6d %s%n", n.sum(), word));
    }
}
