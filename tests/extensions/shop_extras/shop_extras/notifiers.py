"""Notifier `shop_journal`: a line for each event in a file."""

from headrace_schemas.notifications import Notifier

JOURNAL = Notifier("shop_journal", "shop_extras.journal:notify")
