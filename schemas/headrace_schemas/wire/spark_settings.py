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

AUTHENTICATED = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.network.crypto.cipher": "AES/GCM/NoPadding",
}
"""The ports of a Spark on one machine take nobody who does not know its secret, which it makes
itself; they would run what others send. On a cluster the secret is a setting, so these are, too."""

CONNECT_PROOF = "spark.headrace.secret"
"""What a Connect server shows to its clients and none of them sends, so that they know it. Spark's
own redaction keeps a key of such a name out of what it shows."""

S3 = {
    # Hadoop 3.5's default, `analytics`, needs more libraries than are among the jars.
    "spark.hadoop.fs.s3a.input.stream.type": "classic",
    # How long a store is waited for that is away. Measured for one listing and one commit (which
    # asks twice: to write, and what became of it), against a server on loopback:
    #   answers 503 for ever    23 s and  52 s
    #   refuses connections     22 s and  52 s; Hadoop's defaults: 130 s for the listing
    #   takes them and is mute 120 s and 248 s; Hadoop's defaults: 636 s and 1186 s
    #   back after 10 s         a commit is made after 13 to 15 s
    # Tries wait 1.5, 3, 6 and 12 s, each give or take a half, so 11 s at least are ridden out.
    "spark.hadoop.fs.s3a.attempts.maximum": "1",
    "spark.hadoop.fs.s3a.retry.limit": "4",
    "spark.hadoop.fs.s3a.retry.interval": "750ms",
    # The same for 503, of which Hadoop's default would take 20 tries, each twice as late.
    "spark.hadoop.fs.s3a.retry.throttle.limit": "4",
    "spark.hadoop.fs.s3a.retry.throttle.interval": "750ms",
    # Hadoop takes less than 15 s for 15 s.
    "spark.hadoop.fs.s3a.connection.establish.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.request.timeout": "20s",
}

SMALL_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""Java for small batches on few cores. Measured: 12 months of 28 000 rows written, joined and
merged took 145 s of CPU and 1.0 GiB; Java's own choice for servers took 163 s and 1.7 GiB. With
the quick compiler alone Java would keep 48 MB of compiled code; Spark fills them in minutes, and
then compiles and forgets in turns: 296 s of CPU for the flagship's first two months, not 226 s."""
