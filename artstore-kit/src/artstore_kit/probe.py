"""`python -m artstore_kit.probe` says by its exit code whether the service beside it is ready.

For containers, which have no curl. It runs every few seconds, so it imports little.
"""

import http.client
import os
import sys

_SECONDS = 4
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - recognised, not bound to


def main() -> int:
    host = os.environ.get("HOST", "")
    host = "127.0.0.1" if host in _EVERYWHERE else host
    connection = http.client.HTTPConnection(host, int(os.environ["PORT"]), timeout=_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # Docker keeps what is printed beside the container's state.
    sys.stdout.write(body.decode(errors="replace") + "\n")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
