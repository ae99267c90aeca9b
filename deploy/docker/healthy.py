"""Whether the server in this container lives: exit status 0 where `/health` answers 200.

`http.client` rather than `urllib`: that would ask a proxy from the environment for 127.0.0.1.
"""

from __future__ import annotations

import http.client
import os
import sys


def healthy(port: int) -> bool:
    """Whether the server on a loopback port says that it is alive, within 4 seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy(int(os.environ.get("UNDERDOG_PORT") or 8787)) else 1)
