"""Sensors, named for what is awaited."""
