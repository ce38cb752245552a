"""The compose file on a Docker engine."""
