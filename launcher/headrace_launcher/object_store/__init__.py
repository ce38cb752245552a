"""The lake's object store: making it ready (`provision`), and judging it (`doctor`)."""
