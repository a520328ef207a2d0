"""Tell the webhook what happened to restore requests: at least once, under one id.

What is to be told is written in the transaction of the change. An attempt is claimed first and
settled afterwards: who dies in between leaves it to be made again, with the same id and body.
"""

import json
from datetime import UTC, datetime
from http import HTTPStatus

import uuid_utils.compat

from admin_module.clients.webhook import Webhook
from admin_module.database import deliveries
from admin_module.database.transactions import Connection, Database
from admin_module.domain.restores import Delivery, DeliveryState, Restore
from admin_module.domain.signals import Signal
from admin_module.domain.webhooks import pause_after
from admin_module.metrics import WEBHOOK_ATTEMPTS
from artstore_kit.errors import ServiceError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

_LOOK_SECONDS = 2.0


async def announce(connection: Connection, restore: Restore) -> None:
    """Write down that a request is now in the state it is in, to be told by `Deliverer`."""
    event = f"restore.{restore.state}"
    body = {
        "type": event,
        "timestamp": datetime.now(UTC).isoformat(),
        "data": restore.request().model_dump(mode="json"),
    }
    await deliveries.add(
        connection,
        uuid_utils.compat.uuid7(),
        request_id=restore.request_id,
        event=event,
        body=json.dumps(body, separators=(",", ":")),
    )


async def list_deliveries(restore: Restore, *, database: Database) -> list[Delivery]:
    async with database.begin() as connection:
        return await deliveries.of_request(connection, restore.request_id)


class Deliverer:
    def __init__(self, *, database: Database, webhook: Webhook, wake: Signal) -> None:
        self._database = database
        self._webhook = webhook
        self._wake = wake

    async def deliver(self) -> None:
        """Make the attempt that is due longest; wait a moment where none is due."""
        async with self._database.begin() as connection:
            held = await deliveries.claim_next(connection)
        if held is None:
            await self._wake.wait(_LOOK_SECONDS)
            return
        try:
            await self._webhook.post(held)
        except ServiceError as error:
            await self._put_off(held, error)
        else:
            reached("webhook.delivered")
            WEBHOOK_ATTEMPTS.labels("delivered").inc()
            async with self._database.begin() as connection:
                await deliveries.settle(connection, held, DeliveryState.DELIVERED, error=None)

    async def forget_old(self) -> None:
        async with self._database.begin() as connection:
            await deliveries.forget_old(connection)

    async def _put_off(self, held: Delivery, error: ServiceError) -> None:
        # Who answers 410 asks for no more (Standard Webhooks).
        pause = None if error.status == HTTPStatus.GONE else pause_after(held.attempts)
        state = DeliveryState.ABANDONED if pause is None else DeliveryState.PENDING
        WEBHOOK_ATTEMPTS.labels("abandoned" if pause is None else "failed").inc()
        logger.warning(
            "webhook_not_delivered",
            delivery_id=str(held.delivery_id),
            attempts=held.attempts,
            reason=error.detail,
            abandoned=pause is None,
        )
        async with self._database.begin() as connection:
            await deliveries.settle(connection, held, state, error=error.detail, due_in=pause or 0)
