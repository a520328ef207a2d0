"""Where the services are: behind one address, or each at its own."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The base URL of each service, without a slash at its end."""

    admin: str
    ingester: str
    query: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            url = getattr(self, name)
            if not url.startswith(("http://", "https://")):
                message = f"{url!r} is no address: it begins with http:// or https://"
                raise ValueError(message)
            object.__setattr__(self, name, url.rstrip("/"))

    @classmethod
    def behind(cls, url: str) -> Self:
        """Return the endpoints of a gateway that knows the paths of all services."""
        return cls(url, url, url)

    @property
    def by_name(self) -> dict[str, str]:
        """Return each distinct address by the name of its service."""
        if self.admin == self.ingester == self.query:
            return {"artstore": self.admin}
        return {"admin": self.admin, "ingester": self.ingester, "query": self.query}
