"""Triggers: the asynchronous halves of sensors and of asset watchers."""
