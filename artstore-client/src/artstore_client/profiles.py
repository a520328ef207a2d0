"""Whom to talk to, and as whom: from the environment, or a profile in the user's own file.

`~/.config/artstore/config.toml` holds secrets: it is written for its owner alone, and not read
where others could.
"""

import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from artstore_client.endpoints import Endpoints
from artstore_client.errors import ArtStoreError

_OTHERS = 0o077
_URLS = ("admin", "ingester", "query")


class ProfileError(ArtStoreError):
    """It is not known whom to talk to, or as whom."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An account at an installation of ArtStore."""

    endpoints: Endpoints
    client_id: str
    client_secret: str = field(repr=False)

    def document(self) -> dict[str, str]:
        """Return it as it stands in the file."""
        return {
            **_addresses(self.endpoints),
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of one user; `default` is used where none is named."""

    path: Path
    default: str = "default"
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> "Profiles":
        """Read the file, if there is one; ProfileError where others can read it too."""
        path = config_path(environment)
        try:
            if os.name != "nt" and path.stat().st_mode & _OTHERS:
                message = f"others can read {path}, and it holds secrets: chmod 600 {path}"
                raise ProfileError(message)
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path)
        except tomllib.TOMLDecodeError as error:
            message = f"{path} is no TOML: {error}"
            raise ProfileError(message) from error
        return cls(path, document.get("default", "default"), document.get("profiles", {}))

    def find(self, name: str) -> Profile | None:
        """Return a profile; None where there is none of this name."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        try:
            return Profile(_endpoints(entry), entry["client_id"], entry["client_secret"])
        except KeyError as error:
            message = f"profile {name!r} in {self.path} has no {error}: artstore login"
            raise ProfileError(message) from error

    def save(self, name: str, profile: Profile | None) -> None:
        """Keep a profile under a name, or forget it where it is None."""
        entries = {known: dict(entry) for known, entry in self.entries.items() if known != name}
        if profile is not None:
            entries[name] = profile.document()
        default = self.default if self.default in entries else next(iter(entries), "default")
        document = tomli_w.dumps({"default": default, "profiles": entries})
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made for the owner alone, so that it is never readable by others, not even for a moment.
        descriptor, made = tempfile.mkstemp(dir=self.path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(self.path)


def current(environment: Mapping[str, str], name: str | None = None) -> Profile:
    """Return what the environment says, over the profile of this name; ProfileError."""
    profiles = Profiles.load(environment)
    wanted = name or environment.get("ARTSTORE_PROFILE")
    profile = profiles.find(wanted or profiles.default)
    if wanted and profile is None:
        message = f"there is no profile {wanted!r} in {profiles.path}: artstore login --profile"
        raise ProfileError(message)
    said = _said(environment)
    if profile is not None:
        # An address in the environment stands for all of those in the profile.
        kept = {key: value for key, value in profile.document().items() if not key.endswith("url")}
        said = {**(kept if "url" in said else profile.document()), **said}
    missing = [name for name in ("url", "client_id", "client_secret") if not _has(said, name)]
    if missing:
        message = (
            "it is not known whom to talk to: run `artstore login`, or set ARTSTORE_URL, "
            f"ARTSTORE_CLIENT_ID and ARTSTORE_CLIENT_SECRET (missing: {', '.join(missing)})"
        )
        raise ProfileError(message)
    return Profile(_endpoints(said), said["client_id"], said["client_secret"])


def config_path(environment: Mapping[str, str]) -> Path:
    """Return where the profiles are."""
    if named := environment.get("ARTSTORE_CONFIG"):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "artstore" / "config.toml"


def state_path(environment: Mapping[str, str]) -> Path:
    """Return where it is noted which uploads are under way."""
    base = environment.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "artstore" / "uploads"


def _said(environment: Mapping[str, str]) -> dict[str, str]:
    names = ("url", *(f"{service}_url" for service in _URLS), "client_id", "client_secret")
    said = {name: environment.get(f"ARTSTORE_{name.upper()}", "") for name in names}
    if file := environment.get("ARTSTORE_CLIENT_SECRET_FILE"):
        said["client_secret"] = Path(file).read_text(encoding="utf-8").strip()
    return {name: value for name, value in said.items() if value}


def _has(said: Mapping[str, Any], name: str) -> bool:
    if name != "url":
        return name in said
    return "url" in said or all(f"{service}_url" in said for service in _URLS)


def _endpoints(said: Mapping[str, Any]) -> Endpoints:
    gateway = said.get("url", "")
    try:
        return Endpoints(*(said.get(f"{service}_url", gateway) for service in _URLS))
    except ValueError as error:
        raise ProfileError(str(error)) from error


def _addresses(endpoints: Endpoints) -> dict[str, str]:
    known = endpoints.by_name
    if len(known) == 1:
        return {"url": endpoints.admin}
    return {f"{service}_url": url for service, url in known.items()}
