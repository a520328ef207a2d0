"""Which uploads were begun and have not ended, so that another process can go on with them."""

import hashlib
import json
import tempfile
import time
from pathlib import Path

# The server has forgotten an upload long before.
_KEPT_SECONDS = 30 * 24 * 3600


class Journal:
    """A folder with a small file for every upload that is under way; it holds no secret."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, fingerprint: str) -> str | None:
        """Return the address of the upload, if one was begun."""
        try:
            noted = json.loads(self._path(fingerprint).read_bytes())
            return str(noted["url"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # A file that a crash has left broken says nothing: the upload begins again.
            return None

    def note(self, fingerprint: str, url: str) -> None:
        """Remember where the bytes of this upload go."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget_the_old()
        with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False) as file:
            json.dump({"url": url}, file)
        Path(file.name).replace(self._path(fingerprint))

    def forget(self, fingerprint: str) -> None:
        """Forget an upload that has ended."""
        self._path(fingerprint).unlink(missing_ok=True)

    def _path(self, fingerprint: str) -> Path:
        return self._folder / f"{hashlib.sha256(fingerprint.encode()).hexdigest()}.json"

    def _forget_the_old(self) -> None:
        for path in self._folder.iterdir():
            try:
                if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process was faster
