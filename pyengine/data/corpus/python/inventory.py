"""A small stock ledger: items come in, go out, and the books must balance."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Iterable, Iterator


class OutOfStock(Exception):
    def __init__(self, sku: str, wanted: int, available: int) -> None:
        super().__init__(f"{sku}: wanted {wanted}, only {available} left")
        self.sku = sku


@dataclass(frozen=True)
class Movement:
    sku: str
    quantity: int
    price: Decimal
    day: date

    @property
    def value(self) -> Decimal:
        return self.price * self.quantity


@dataclass
class Ledger:
    movements: list[Movement] = field(default_factory=list)

    def receive(self, movement: Movement) -> None:
        if movement.quantity <= 0:
            raise ValueError("a delivery has a positive quantity")
        self.movements.append(movement)

    def ship(self, sku: str, quantity: int, *, day: date) -> None:
        available = self.stock().get(sku, 0)
        if quantity > available:
            raise OutOfStock(sku, quantity, available)
        price = self.average_price(sku)
        self.movements.append(Movement(sku, -quantity, price, day))

    def stock(self) -> dict[str, int]:
        totals: defaultdict[str, int] = defaultdict(int)
        for movement in self.movements:
            totals[movement.sku] += movement.quantity
        return {sku: total for sku, total in totals.items() if total != 0}

    def average_price(self, sku: str) -> Decimal:
        bought = [m for m in self.movements if m.sku == sku and m.quantity > 0]
        count = sum(m.quantity for m in bought)
        return sum((m.value for m in bought), Decimal(0)) / count


def read_deliveries(path: Path) -> Iterator[Movement]:
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield Movement(
                sku=row["sku"].strip().upper(),
                quantity=int(row["quantity"]),
                price=Decimal(row["price"]),
                day=date.fromisoformat(row["day"]),
            )


def load(paths: Iterable[Path]) -> Ledger:
    ledger = Ledger()
    for path in sorted(paths):
        for movement in read_deliveries(path):
            ledger.receive(movement)
    return ledger
