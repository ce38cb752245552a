"""Decisions from evidence, policy and history, as pure functions."""
