"""Decisions on lives of models whose truth is known exactly, beside other policies on the same windows."""
