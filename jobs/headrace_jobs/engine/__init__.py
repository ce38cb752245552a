"""How a job is run: Spark's session, the host that forks jobs, and what errors of an engine mean."""
