"""Seeing what another version of Headrace changes for a project, without changing anything."""
