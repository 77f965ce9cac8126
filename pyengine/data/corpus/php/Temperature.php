<?php

enum Scale: string
{
    case Celsius = 'C';
    case Fahrenheit = 'F';
    case Kelvin = 'K';

    public function label(): string
    {
        return match ($this) {
            self::Celsius => 'degrees Celsius',
            self::Fahrenheit => 'degrees Fahrenheit',
            self::Kelvin => 'kelvin',
        };
    }
}

abstract class Quantity
{
    abstract public function value(): float;

    public function __toString(): string
    {
        return number_format($this->value(), 1);
    }
}

final class Temperature extends Quantity
{
    public const ZERO = 273.15;

    public function __construct(protected float $kelvin)
    {
        if ($kelvin < 0) {
            throw new DomainException('colder than absolute zero');
        }
    }

    public static function from(float $value, Scale $scale): self
    {
        $kelvin = match (true) {
            $scale === Scale::Kelvin => $value,
            $scale === Scale::Celsius => $value + self::ZERO,
            default => ($value - 32) / 1.8 + self::ZERO,
        };
        return new static($kelvin);
    }

    public function value(): float
    {
        return $this->kelvin;
    }

    public function in(Scale $scale): float
    {
        return match ($scale) {
            Scale::Kelvin => $this->kelvin,
            Scale::Celsius => $this->kelvin - self::ZERO,
            Scale::Fahrenheit => ($this->kelvin - self::ZERO) * 1.8 + 32,
        };
    }

    /** What it feels like in the wind, by the formula of the weather services; only for the cold. */
    public function windChill(float $kilometresPerHour): static
    {
        $celsius = $this->in(Scale::Celsius);
        if ($celsius > 10 || $kilometresPerHour < 4.8) {
            return $this;
        }
        $power = $kilometresPerHour ** 0.16;
        return self::from(
            13.12 + 0.6215 * $celsius - 11.37 * $power + 0.3965 * $celsius * $power,
            Scale::Celsius,
        );
    }
}

$warm = array_map(fn (int $c): Temperature => Temperature::from($c, Scale::Celsius), [18, 21, 30]);
for ($i = 0; $i < count($warm); $i++) {
    print "{$warm[$i]} " . Scale::from('K')->label() . PHP_EOL;
}
