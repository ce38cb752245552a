"""How `shop_journal` tells; only Airflow's tasks import it."""

import os
from pathlib import Path

from headrace_schemas.notifications import Event


def notify(event: Event) -> None:
    """Append to the file that the environment names."""
    with Path(os.environ["SHOP_JOURNAL"]).open("a", encoding="utf-8") as file:
        file.write(f"{event.kind.value} {event.subject} {event.batch}: {event.message}\n")
