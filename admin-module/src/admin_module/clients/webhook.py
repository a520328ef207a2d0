"""Somebody else's URL that is told what happened, by signed calls (Standard Webhooks)."""

import asyncio
import time
from http import HTTPStatus

import aiohttp

from admin_module.domain.restores import Delivery
from admin_module.domain.webhooks import Endpoint
from artstore_kit import http_client
from artstore_kit.http_client import PeerError, PeerUnavailableError

_SECONDS = 20


class Webhook:
    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        self._session = session
        self._endpoint = endpoint

    async def post(self, delivery: Delivery) -> None:
        """Make one attempt; raise PeerError unless it was taken, PeerUnavailableError."""
        headers = self._endpoint.headers(
            str(delivery.delivery_id), at=int(time.time()), body=delivery.body
        )
        try:
            async with (
                asyncio.timeout(_SECONDS),
                http_client.stream(
                    self._session,
                    "POST",
                    self._endpoint.url,
                    headers=headers,
                    data=delivery.body.encode(),
                ) as answer,
            ):
                status = answer.status
        except TimeoutError as error:
            message = f"the webhook has not answered for {_SECONDS} seconds"
            raise PeerUnavailableError(message) from error
        # What a stranger answers is not repeated anywhere but for its number.
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise PeerError(status, "webhook_refused", f"the webhook answered {status}", {})
