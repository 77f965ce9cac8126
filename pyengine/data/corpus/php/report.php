<?php
require_once __DIR__ . '/vendor/autoload.php';

const LIMIT = 25;

interface Formatter
{
    public function format(array $rows): string;
}

trait Escapes
{
    protected function escape(?string $text): string
    {
        return htmlspecialchars($text ?? '', ENT_QUOTES | ENT_HTML5, 'UTF-8');
    }
}

class HtmlTable implements Formatter
{
    use Escapes;

    public function format(array $rows): string
    {
        $lines = [];
        foreach ($rows as $name => $amount) {
            $class = $amount < 0 ? 'debit' : 'credit';
            $lines[] = sprintf('<tr class="%s"><td>%s</td><td>%.2f</td></tr>', $class, $this->escape($name), $amount);
        }
        return "<table>\n" . implode("\n", $lines) . "\n</table>";
    }
}

function totals(iterable $entries): array
{
    $sums = [];
    foreach ($entries as ['name' => $name, 'amount' => $amount]) {
        $sums[$name] ??= 0.0;
        $sums[$name] += (float) $amount;
    }
    arsort($sums);
    return array_slice($sums, 0, LIMIT, preserve_keys: true);
}

function entries(PDO $database, int $year): Generator
{
    $query = $database->prepare('SELECT name, amount FROM entries WHERE year = :year');
    $query->execute([':year' => $year]);
    while ($row = $query->fetch(PDO::FETCH_ASSOC)) {
        yield $row;
    }
}

$year = isset($_GET['year']) ? (int) $_GET['year'] : (int) date('Y');
try {
    $database = new PDO('sqlite:' . __DIR__ . '/ledger.db');
    echo (new HtmlTable())->format(totals(entries($database, $year)));
} catch (PDOException $e) {
    error_log($e->getMessage());
    exit(1);
}
