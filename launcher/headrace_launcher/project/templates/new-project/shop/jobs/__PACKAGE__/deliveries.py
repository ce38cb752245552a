"""Makes the example's deliveries up: a month of orders, a file a day, the same every time.

In the last twelve days the shop has a sale: more orders, and more in each of them, than a model has
seen before. And on one day the till has written a return down as an order.

Write the files of your own data here, or take this module away and deliver them otherwise.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

HEADER = ("order_id", "ordered_at", "channel", "items", "amount", "packed_at")
FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 31
SALE = datetime(2025, 3, 20, tzinfo=UTC)
RETURN = datetime(2025, 3, 5, tzinfo=UTC)
OPENS, OPEN_HOURS = 8, 11


def deliver(folder: Path) -> None:
    """Write every day's file below `folder`, with its manifest."""
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        write(folder / "orders" / f"{day:%Y-%m-%d}.csv", [HEADER, *orders(day)])


def orders(day: datetime) -> Iterator[tuple[str, ...]]:
    """The orders of a day, as texts."""
    chance = Random(f"{day:%Y-%m-%d}")
    is_sale = day >= SALE
    count = chance.randint(140, 160) if is_sale else chance.randint(95, 115)
    seconds = sorted(chance.randrange(OPEN_HOURS * 3600) for _ in range(count))
    for number, second in enumerate(seconds, 1):
        waiting = sum(second - 3600 <= other < second for other in seconds)
        items = chance.randint(4, 12) if is_sale else chance.randint(1, 5)
        channel = chance.choice(("counter", "phone", "web"))
        minutes = 3 + 2.5 * items + 0.6 * waiting + 4 * (channel == "web") + chance.gauss(0, 2)
        ordered = day + timedelta(hours=OPENS, seconds=second)
        packed = ordered + timedelta(minutes=max(minutes, 1))
        price = sum(chance.randint(300, 2500) for _ in range(items)) / 100
        if day == RETURN and number == 1:
            items = -items
        yield (
            f"{day:%y%m%d}{number:04}",
            f"{ordered:%Y-%m-%dT%H:%M:%SZ}",
            channel,
            f"{items}",
            f"{price:.2f}",
            f"{packed:%Y-%m-%dT%H:%M:%SZ}",
        )


def write(file: Path, rows: list[tuple[str, ...]]) -> None:
    """Write a file and the manifest by which a reader knows that it is whole."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    manifest = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(rows) - 1,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    file.with_name(f"{file.name}.manifest.json").write_text(json.dumps(manifest))
    draft.write_bytes(content)
    draft.replace(file)  # whoever looks sees the whole file, or none
