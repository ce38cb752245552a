"""The way of a table's batch: load, gate, publish; rebuild and maintain."""
