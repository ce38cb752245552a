"""Tests of a project: its cases of rows in and rows out, and a Spark session for them."""
