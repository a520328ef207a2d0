"""Keeps Redis showing the registry."""

from admin_module.usecases.publish_registry import RegistryPublisher
from artstore_kit import schedule


async def publish_registry(publisher: RegistryPublisher) -> None:
    # The waiting is in the publisher, so that a change can end it.
    await schedule.every(0, publisher.publish_next, name="publish_registry")
