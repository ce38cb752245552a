"""Transforms of this project, pure functions from DataFrames to one DataFrame: a module for each table."""
