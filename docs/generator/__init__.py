"""Makes the parts of the reference pages that code says already; `make docs` runs it."""
