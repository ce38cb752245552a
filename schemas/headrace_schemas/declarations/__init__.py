"""Contracts, pipelines and models: read from files, checked by themselves and against each other."""
