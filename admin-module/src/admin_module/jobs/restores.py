"""Ends restore requests whose time is over, and tells the webhook what happens to all of them."""

from collections.abc import Coroutine
from typing import Any

from admin_module.usecases.deliver_webhooks import Deliverer
from admin_module.usecases.keep_restores import RestoreKeeper
from artstore_kit import schedule

_EXPIRE_SECONDS = 5
_DELIVERERS = 2
_DAY = 24 * 3600


def jobs(keeper: RestoreKeeper, deliverer: Deliverer | None) -> list[Coroutine[Any, Any, None]]:
    expiring = schedule.every(_EXPIRE_SECONDS, keeper.expire, name="expire_restores")
    if deliverer is None:
        return [expiring]
    # The waiting is in the deliverer, so that a change can end it.
    telling = [
        schedule.every(0, deliverer.deliver, name="deliver_webhooks") for _ in range(_DELIVERERS)
    ]
    forgetting = schedule.every(_DAY, deliverer.forget_old, name="forget_deliveries")
    return [expiring, *telling, forgetting]
