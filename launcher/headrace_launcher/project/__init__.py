"""A project's declarations checked, its history replayed and reported."""
