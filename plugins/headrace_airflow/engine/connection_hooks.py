"""What Airflow wants to import for a connection type before it takes one by its command line."""

from airflow.sdk import BaseHook


class SparkHook(BaseHook):
    """Stands for the type `spark`; jobs are submitted by operators, not through a hook."""

    conn_type = "spark"
    conn_name_attr = "spark_conn_id"
    hook_name = "Spark"


class SparkConnectHook(BaseHook):
    """Stands for the type `spark_connect`; jobs open their session themselves."""

    conn_type = "spark_connect"
    conn_name_attr = "spark_connect_conn_id"
    hook_name = "Spark Connect"
