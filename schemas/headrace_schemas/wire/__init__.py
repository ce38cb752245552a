"""What the two runtimes say to each other: specs, reports, folders of jobs, Spark's settings."""
