r"""Tries requests again that failed for a moment, and no others."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TypeVar

from .._base.configuration import REQUEST_SECONDS, RETRIES

T = TypeVar("T")

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 8.0

# Names of exceptions of aiohttp, botocore, azure-core and gcsfs which mean that there was
# no answer, or half of one. They are names, so that none of these libraries is imported,
# and come before any status: aiohttp's ClientPayloadError quotes a number that is none.
_UNANSWERED = frozenset(
    (
        "ClientPayloadError",
        "ClientConnectionError",
        "ServerDisconnectedError",
        "ServerTimeoutError",
        "HTTPClientError",
        "ResponseParserError",
        "IncompleteReadError",
        "ServiceRequestError",
        "ServiceResponseError",
        "ChecksumError",
        "FSTimeoutError",
    )
)
# The same of those that mean that there was not even a connection, or no such endpoint.
_UNREACHED = frozenset(
    (
        "EndpointConnectionError",
        "InvalidEndpointError",
        "ClientConnectorError",
        "ServiceRequestError",
        "ConnectionRefusedError",
    )
)
_ERRNOS = frozenset(
    getattr(errno, name)
    for name in ("ECONNRESET", "EPIPE", "ETIMEDOUT", "EBUSY", "EAGAIN", "ENETUNREACH")
    if hasattr(errno, name)
)
_TRANSIENT_STATUSES = frozenset((408, 425, 429))
_TRANSIENT_CODES = frozenset(
    (
        "SlowDown",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        # Two processes wrote one object at once: a second attempt learns who was first.
        "ConditionalRequestConflict",
        "OperationAborted",
    )
)


# When the request ends that this thread makes, by the monotonic clock.
_DEADLINE: ContextVar[float] = ContextVar("_DEADLINE", default=float("inf"))


class Fault(Enum):
    r"""The kind of failure that an exception stands for."""

    MISSING = "there is no such object"
    FORBIDDEN = "access is denied"
    CHANGED = "it is another version of the object"
    BEYOND_END = "the object ends before the range"
    TRANSIENT = "it may be different the next time"
    OTHER = "it will be the same the next time"


class StatusError(Exception):
    r"""A server answered with a status other than success.

    Args:
        status: of HTTP.
        reason: in words.
        headers: of the answer.
    """

    def __init__(
        self, status: int, reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"HTTP {status} {reason}".rstrip())
        self.status, self.headers = status, headers or {}


def classify(error: BaseException) -> Fault:
    r"""Returns the kind of failure that an exception or one of its causes stands for.

    Args:
        error: raised by fsspec or by a library below it.
    """
    for one in _chain(error):
        if isinstance(one, FileNotFoundError):
            return Fault.MISSING
        if isinstance(one, PermissionError):
            return Fault.FORBIDDEN
        if _is_unanswered(one):
            return Fault.TRANSIENT
        status, code = status_of(one)
        if code in _TRANSIENT_CODES:
            return Fault.TRANSIENT
        if status:
            return _fault_of_status(status)
        if type(one).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            return Fault.FORBIDDEN
    return Fault.OTHER


def _is_unanswered(error: BaseException) -> bool:
    if isinstance(error, (TimeoutError, ConnectionError)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return True
    return any(kind.__name__ in _UNANSWERED for kind in type(error).__mro__)


def _fault_of_status(status: int) -> Fault:
    if status in (404, 410):
        return Fault.MISSING
    if status in (401, 403):
        return Fault.FORBIDDEN
    if status == 412:
        return Fault.CHANGED
    if status == 416:
        return Fault.BEYOND_END
    if status in _TRANSIENT_STATUSES or status >= 500:
        return Fault.TRANSIENT
    return Fault.OTHER


def lacks_bucket(error: BaseException) -> bool:
    r"""Returns whether an error says that there is no such bucket or container.

    Args:
        error: raised by fsspec or by a library below it.
    """
    codes = ("NoSuchBucket", "ContainerNotFound")
    return any(
        status_of(one)[1] in codes or getattr(one, "error_code", "") in codes
        for one in _chain(error)
    )


def is_unreached(error: BaseException) -> bool:
    r"""Returns whether nothing was there to take a request.

    Args:
        error: raised by fsspec or by a library below it.
    """
    kinds = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
    return not kinds.isdisjoint(_UNREACHED)


def status_of(error: BaseException) -> tuple[int, str]:
    r"""Returns the HTTP status and the store's own code of an error; 0 and ``""`` if it
    has none.

    Args:
        error: an exception of botocore, aiohttp, gcsfs, azure-core or our own.
    """
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _number(status), str(response.get("Error", {}).get("Code", ""))
    for name in ("status", "status_code", "code"):
        status = _number(getattr(error, name, 0))
        if status:
            return status, ""
    return 0, ""


def is_taken(error: BaseException) -> bool:
    r"""Returns whether an object was not created because its name is taken.

    Args:
        error: raised by fsspec or by a library below it.
    """
    for one in _chain(error):
        status, code = status_of(one)
        if isinstance(one, FileExistsError) or status == 412:
            return True
        if status == 409 and code not in _TRANSIENT_CODES:  # this is how Azure says it
            return True
    return False


def _number(value: object) -> int:
    number = int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else 0
    return number if 100 <= number < 600 else 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def with_retries(attempt: Callable[[], T]) -> T:
    r"""Calls a function again, after longer and longer pauses, while it fails in a way
    that may pass.

    It tries again as often as ``configure(retries=...)`` says, 6 times by default, with
    pauses of 6 seconds at most in total, or as long as the server asks for, and no longer
    than ``request_seconds`` says.

    Args:
        attempt: what to do, within :func:`seconds_left`.

    Raises:
        Exception: what the last attempt raised.
    """
    before = _DEADLINE.set(time.monotonic() + REQUEST_SECONDS.read())
    try:
        for pause in _pauses():
            try:
                return attempt()
            except Exception as error:
                # A part of it is random, so that workers that failed together return one
                # by one.
                pause = max(pause * random.uniform(0.5, 1.0), asked_pause(error))
                if classify(error) is not Fault.TRANSIENT or pause > seconds_left():
                    raise
            time.sleep(pause)
        return attempt()
    finally:
        _DEADLINE.reset(before)


def asked_pause(error: BaseException) -> float:
    r"""Returns for how many seconds the server asks not to try again, 0 if it does not.

    Args:
        error: an exception of botocore, aiohttp, azure-core or our own, whose answer has a
            ``Retry-After`` (RFC 9110, section 10.2.3), in seconds or as a date.
    """
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):  # botocore
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        else:
            headers = getattr(one, "headers", None) or getattr(response, "headers", None)
        values = [v for k, v in dict(headers or {}).items() if k.lower() == "retry-after"]
        for value in map(str, values):
            with suppress(ValueError):
                if value.isdecimal():
                    return float(value)
                then = parsedate_to_datetime(value)
                return max(0.0, then.timestamp() - time.time())
    return 0.0


def seconds_left() -> float:
    r"""Returns how many seconds the request that this thread makes may still take."""
    return max(0.0, _DEADLINE.get() - time.monotonic())


def _pauses() -> Iterator[float]:
    for number in range(RETRIES.read()):
        yield min(_FIRST_DELAY_SECONDS * 2**number, _LONGEST_DELAY_SECONDS)
