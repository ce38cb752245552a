"""`python -m docs.generator` makes the reference pages current."""

from docs.generator.pages import PAGES, filled

for page in PAGES:
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
