"""What is there: the lake's tables as they lie on disk or in an object store, read without Spark."""
