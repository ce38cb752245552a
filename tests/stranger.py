"""Another user of the machine: reaches the ports, and knows no secret."""

from typing import Any

LOOPBACK = "127.0.0.1"


class Stranger:
    """Speaks Spark's own protocol from a Java process, and knows no secret.

    Who gets as far as an endpoint sends it Java objects, which the driver makes on its side.
    """

    def __init__(self, jvm: Any) -> None:
        self.jvm = jvm

    def environment(self, is_client: bool) -> Any:
        """One end of the protocol."""
        jvm = self.jvm
        settings = jvm.org.apache.spark.SparkConf(False)
        names = getattr(jvm.org.apache.spark.internal.config, "package$")
        secret_file = getattr(names, "MODULE$").AUTH_SECRET_FILE()
        none = jvm.scala.Option.empty()
        security = jvm.org.apache.spark.SecurityManager(settings, none, secret_file)
        return jvm.org.apache.spark.rpc.RpcEnv.create(
            "stranger", LOOPBACK, LOOPBACK, 0, settings, security, 1, is_client
        )

    def reach(self, port: int, host: str = LOOPBACK) -> str:
        """An endpoint of whoever listens at the port."""
        client = self.environment(is_client=True)
        try:
            address = self.jvm.org.apache.spark.rpc.RpcAddress(host, port)
            return str(client.setupEndpointRef(address, "endpoint-verifier").toString())
        finally:
            client.shutdown()
