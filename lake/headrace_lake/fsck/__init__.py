"""Whether every reader gets the rows that were committed, all and unchanged."""
