"""Delivered files: their form checked before Spark reads them, their values as declared types."""
