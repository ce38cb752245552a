"""Whether a service of the compose file works, for its healthcheck; nothing but the standard library.

healthcheck.py http URL                  answers with 2xx or 3xx
healthcheck.py port HOST PORT            takes a connection
healthcheck.py airflow URL COMPONENT     the api-server at URL says that the component is healthy
"""

import json
import socket
import sys
from urllib.request import urlopen

SECONDS = 5.0


def main(kind: str, place: str, name: str = "") -> None:
    """Return if it works, raise if it does not."""
    if kind == "port":
        socket.create_connection((place, int(name)), SECONDS).close()
        return
    if kind not in ("http", "airflow"):
        raise SystemExit(__doc__)
    with urlopen(place, timeout=SECONDS) as answer:  # noqa: S310 - the compose file's own words
        content = answer.read()
    if kind == "airflow" and (found := json.loads(content)[name]["status"]) != "healthy":
        raise SystemExit(f"{name}: {found}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        raise SystemExit(f"{' '.join(sys.argv[1:])}: {error}") from error
