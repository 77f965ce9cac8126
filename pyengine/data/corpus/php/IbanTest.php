<?php

declare(strict_types=1);

namespace Tests\Unit\Payment;

use App\Payment\Iban;
use App\Payment\InvalidIban;
use PHPUnit\Framework\Attributes\CoversClass;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\Attributes\TestDox;
use PHPUnit\Framework\TestCase;

#[CoversClass(Iban::class)]
final class IbanTest extends TestCase
{
    // The examples of the registry; they belong to nobody.
    private const GERMAN = 'DE89370400440532013000';
    private const BRITISH = 'GB82WEST12345698765432';

    #[Test]
    #[DataProvider('spellings')]
    public function it_reads_every_usual_spelling(string $text, string $expected): void
    {
        self::assertSame($expected, Iban::fromString($text)->compact());
    }

    /** @return iterable<string, array{string, string}> */
    public static function spellings(): iterable
    {
        yield 'compact' => [self::GERMAN, self::GERMAN];
        yield 'groups of four' => ['DE89 3704 0044 0532 0130 00', self::GERMAN];
        yield 'lower case' => ['gb82 west 1234 5698 7654 32', self::BRITISH];
        yield 'with a prefix' => ['IBAN: ' . self::BRITISH, self::BRITISH];
        yield 'non-breaking spaces' => ["DE89\u{A0}3704\u{A0}0044\u{A0}0532\u{A0}0130\u{A0}00", self::GERMAN];
    }

    #[Test]
    #[DataProvider('mistakes')]
    #[TestDox('$_dataName is refused')]
    public function it_refuses(string $text, string $reason): void
    {
        $this->expectException(InvalidIban::class);
        $this->expectExceptionMessage($reason);

        Iban::fromString($text);
    }

    public static function mistakes(): array
    {
        return [
            'nothing' => ['', 'empty'],
            'one digit swapped' => ['DE89370400440532031000', 'check digits'],
            'one digit too few' => ['DE8937040044053201300', 'must have 22 characters'],
            'an unknown country' => ['XX89370400440532013000', 'unknown country XX'],
            'a letter where digits belong' => ['DE8937040044053201300O', 'bank account part'],
        ];
    }

    #[Test]
    public function it_prints_groups_of_four(): void
    {
        $this->assertSame('GB82 WEST 1234 5698 7654 32', (string) Iban::fromString(self::BRITISH));
    }

    #[Test]
    public function it_hides_the_middle_in_logs(): void
    {
        $shown = print_r(Iban::fromString(self::GERMAN), true);

        $this->assertStringNotContainsString('0532', $shown);
        $this->assertStringContainsString('DE89****3000', $shown);
    }

    #[Test]
    public function equal_accounts_are_equal(): void
    {
        $a = Iban::fromString(self::GERMAN);
        $b = Iban::fromString(strtolower(self::GERMAN));

        self::assertTrue($a->equals($b));
        self::assertEquals($a, $b);
        self::assertNotSame($a, $b);
    }
}
