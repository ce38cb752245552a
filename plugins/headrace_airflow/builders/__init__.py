"""Dags from declarations."""
