"""What is tried again, when, and for how long."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
import tenacity

from artstore_client.errors import (
    ArtStoreError,
    ChangedError,
    NotFoundError,
    ProblemError,
    TooManyRequestsError,
    UnavailableError,
    UnreachableError,
    problem_of,
)

logger = logging.getLogger("artstore_client")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
# Somebody else holds the file or the key at this moment, and will let it go.
_BUSY = frozenset({"file_busy", "upload_in_progress"})
_guess = tenacity.wait_exponential_jitter(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE)
_spread = tenacity.wait_random(0, 0.3)


class NeverReachedError(UnreachableError):
    """No connection was made, so nothing was done either."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, a request that fails for the moment is tried again."""

    seconds: float

    def attempts(self, *, repeatable: bool) -> tenacity.AsyncRetrying:
        """Return the attempts at one request; a `repeatable` one may have been carried out."""

        def passes(error: BaseException) -> bool:
            return _passes(error, repeatable=repeatable)

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(passes),
            wait=pause_before,
            stop=tenacity.stop_before_delay(self.seconds),
            before_sleep=_tell,
            reraise=True,
        )

    def until_unchanged(self) -> tenacity.AsyncRetrying:
        """Return the attempts at an edit that somebody else's edit may get ahead of."""
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(ChangedError),
            wait=_guess,
            stop=tenacity.stop_before_delay(self.seconds),
            reraise=True,
        )

    def until_found(self, seconds: float) -> tenacity.AsyncRetrying:
        """Return the attempts at reading what was stored a moment ago."""
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(NotFoundError),
            wait=_guess,
            stop=tenacity.stop_before_delay(min(seconds, self.seconds)),
            reraise=True,
        )


def _passes(error: BaseException, *, repeatable: bool) -> bool:
    if isinstance(error, TooManyRequestsError | NeverReachedError):
        return True  # nothing was done
    if isinstance(error, ProblemError) and error.code in _BUSY:
        return True
    return repeatable and isinstance(error, UnavailableError | UnreachableError)


def pause_before(state: tenacity.RetryCallState) -> float:
    """Return the seconds the server asks us to wait, or else a guess that grows."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ProblemError) else None
    return _guess(state) if asked is None else asked + _spread(state)


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    logger.warning("trying again in %.1f s: %s", seconds, error)


@contextmanager
def unreachable() -> Iterator[None]:
    """Raise what httpx says of a connection as an error of ours."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NeverReachedError(_named(error)) from error
    except httpx.TransportError as error:
        raise UnreachableError(_named(error)) from error
    except httpx.InvalidURL as error:
        raise ArtStoreError(str(error)) from error


def _named(error: httpx.TransportError) -> str:
    where = error.request.url
    reason = str(error) or type(error).__name__
    return f"{where.scheme}://{where.netloc.decode()} cannot be reached: {reason}"


def failure_of(answer: httpx.Response) -> ProblemError:
    """Return the exception for an answer whose body has been read."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        # Not ArtStore's: a proxy, or something else at this address.
        url = answer.request.url
        detail = f"{url.scheme}://{url.netloc.decode()} answered {answer.status_code}"
        if answer.has_redirect_location:
            detail += f", and sends us on to {answer.headers['Location']}"
        problem = {"detail": detail}
    return problem_of(answer.status_code, problem, retry_after=_retry_after(answer))


def document_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; ArtStoreError where it is none."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = f"{answer.request.url.copy_with(query=None)} is not ArtStore's: it sent no JSON"
        raise ArtStoreError(message)
    return document


def _retry_after(answer: httpx.Response) -> float | None:
    said = answer.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def is_refusal(answer: httpx.Response) -> bool:
    """Say whether an answer is none to what was asked."""
    return answer.status_code >= HTTPStatus.MULTIPLE_CHOICES
