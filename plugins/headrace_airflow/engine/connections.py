"""Airflow's connections to Spark, read where they are needed."""

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from headrace_schemas.errors import ConnectionInvalid


def connection_of_type(name: str, type: str, advice: str) -> Connection:
    """A connection that names a host.

    Airflow's own hooks take a missing one for a default and say nothing.

    Raises:
        ConnectionInvalid: It is missing, of another type or without a host; the message ends with
            `advice`.
    """
    try:
        connection: Connection = Connection.get(name)
    except AirflowNotFoundException as error:
        raise ConnectionInvalid(name, "is not defined", advice) from error
    if connection.conn_type != type or not connection.host:
        problem = f"has type {connection.conn_type} and host {connection.host or 'none'}"
        raise ConnectionInvalid(name, problem, advice)
    return connection


def is_defined(name: str) -> bool:
    """Whether there is a connection of this name, of whatever type."""
    try:
        Connection.get(name)
    except AirflowNotFoundException:
        return False
    return True
