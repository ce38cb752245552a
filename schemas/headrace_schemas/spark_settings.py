"""What every Spark that touches the lake is started with, whoever starts it.

The launcher, Airflow's side and the jobs each start one, and none of them may forget a line.
"""

LOG_STORE_KEY = "spark.delta.logStore.s3a.impl"
LOG_STORE = "headrace.ConditionalS3LogStore"
"""Delta's own log store for S3 overwrites a commit that another Spark has made meanwhile."""

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    LOG_STORE_KEY: LOG_STORE,
}

S3 = {
    # Hadoop 3.5's default, `analytics`, needs more libraries than are among the jars.
    "spark.hadoop.fs.s3a.input.stream.type": "classic",
    "spark.hadoop.fs.s3a.attempts.maximum": "1",
    "spark.hadoop.fs.s3a.retry.limit": "4",
    "spark.hadoop.fs.s3a.retry.interval": "750ms",
    "spark.hadoop.fs.s3a.retry.throttle.limit": "4",
    "spark.hadoop.fs.s3a.retry.throttle.interval": "750ms",
    # Hadoop takes nothing below 15 s for these.
    "spark.hadoop.fs.s3a.connection.establish.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.request.timeout": "20s",
}
