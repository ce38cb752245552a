"""The work: what runs in a Spark driver. A job is `run(spark, spec) -> report`."""
