"""Whom the clients of tests trust."""

import ssl
from functools import cache

import httpx


@cache
def authorities() -> ssl.SSLContext:
    """Return what every httpx client makes for itself unless it is given one: `verify=`.

    To read the system's authorities takes 20 ms of CPU, more than most calls that a test makes.
    """
    return httpx.create_ssl_context()
