"""Operators: one per job, all of them a SparkJobOperator."""
