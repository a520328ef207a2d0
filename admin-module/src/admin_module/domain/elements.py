"""A storage element as the registry keeps it."""

from pydantic import AwareDatetime

from artstore_kit.contracts.elements import Registration


class RegisteredElement(Registration):
    registered_at: AwareDatetime
    updated_at: AwareDatetime

    def says_the_same(self, registration: Registration) -> bool:
        """Compare all but the priority, which belongs to the operator once it is registered."""
        ours = self.registration().model_dump(exclude={"priority"})
        return ours == registration.model_dump(exclude={"priority"})

    def registration(self) -> Registration:
        """Return what the other services are told."""
        return Registration(**self.model_dump(include=set(Registration.model_fields)))
