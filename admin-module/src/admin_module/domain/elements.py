"""A storage element as the registry keeps it."""

from pydantic import AwareDatetime

from artstore_kit.contracts.elements import Registration

# What the operator decides, once an element is registered.
OPERATORS = {"priority", "draining"}


class RegisteredElement(Registration):
    """`stale`: it has neither reported nor answered for a while; it stays registered."""

    last_seen_at: AwareDatetime | None = None
    stale: bool = False
    registered_at: AwareDatetime
    updated_at: AwareDatetime

    def says_the_same(self, registration: Registration) -> bool:
        """Compare all that an element may say of itself; the rest is the operator's."""
        ours = self.registration().model_dump(exclude=OPERATORS)
        return ours == registration.model_dump(exclude=OPERATORS)

    def registration(self) -> Registration:
        """Return what the other services are told."""
        return Registration(**self.model_dump(include=set(Registration.model_fields)))
