r"""Names every setting: its environment variable, its default, and what it may be.

All settings live in environment variables, so that workers have the same settings however
they start. Each is looked up when it is needed, and never kept.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Literal, TypeVar, get_args

from ..types import ProxyUse
from .machine import machine_memory

T = TypeVar("T")
CacheKind = Literal["blocks", "files", "none"]


@dataclass(frozen=True)
class Setting(Generic[T]):
    r"""One setting.

    Args:
        name: of the argument of ``configure`` and of the field of :class:`Configuration`.
        variable: its environment variable; an empty one counts as not set.
        default: returns its value if the variable is not set.
        from_text: returns the value that the text of a variable stands for.
        to_text: returns the text for the value of a user.
    """

    name: str
    variable: str
    default: Callable[[], T]
    from_text: Callable[[str], T]
    to_text: Callable[[Any], str] = str

    def read(self) -> T:
        r"""Returns the value as it is now.

        Raises:
            ValueError: if the variable has a value that is not allowed.
        """
        text = os.environ.get(self.variable)
        if not text:
            return self.default()
        try:
            return self.from_text(text)
        except ValueError as error:
            raise self._refusal(text, error) from None

    def checked_text(self, value: Any) -> str:
        r"""Returns the text of the variable for a value.

        Args:
            value: the value of a user.

        Raises:
            ValueError: if it is not allowed.
        """
        try:
            text = self.to_text(value)
            self.from_text(text)
        except ValueError as error:
            raise self._refusal(value, error) from None
        return text

    def _refusal(self, value: Any, error: ValueError) -> ValueError:
        return ValueError(f"{self.name} ({self.variable}) {error}, got {value!r}.")


def _whole_number(least: int) -> Callable[[str], int]:
    def from_text(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise ValueError(f"must be a whole number that is at least {least}")
        return int(text)

    return from_text


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], Any]:
    def from_text(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {allowed}")
        return text

    return from_text


def _absolute(value: str | os.PathLike[str]) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError("must be the path of a folder")
    return os.path.abspath(value)


def _schemes(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if any(not name or ":" in name or "/" in name for name in names):
        raise ValueError("must be names such as 's3', with commas between them")
    return names


def _joined(names: Iterable[str]) -> str:
    parts = list(names)
    if isinstance(names, str) or any(
        not isinstance(name, str) or not name or "," in name for name in parts
    ):
        raise ValueError("must be a list of names such as ['s3']")
    return ",".join(parts)


@cache
def _share_of_memory() -> int:
    # Where the system does not say how much there is, little is kept.
    return min((machine_memory() or 1 << 31) // 8, 1 << 31)


CACHE_DIRECTORY = Setting(
    "cache_directory",
    "TEMPORALDATA_VIDEO_CACHE_DIRECTORY",
    tempfile.gettempdir,
    str,
    _absolute,
)
CACHE_QUOTA_BYTES = Setting(
    "cache_quota_bytes",
    "TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES",
    lambda: 10 * 1000**3,
    _whole_number(0),
)
CACHE_BLOCK_BYTES = Setting(
    "cache_block_bytes",
    "TEMPORALDATA_VIDEO_CACHE_BLOCK_BYTES",
    lambda: 256 << 10,
    _whole_number(4096),
)
CACHE_KIND: Setting[CacheKind] = Setting(
    "cache_kind",
    "TEMPORALDATA_VIDEO_CACHE_KIND",
    lambda: "blocks",
    _one_of(get_args(CacheKind)),
)
DECODERS = Setting("decoders", "TEMPORALDATA_VIDEO_DECODERS", lambda: 4, _whole_number(0))
DECODER_MEMORY_BYTES = Setting(
    "decoder_memory_bytes",
    "TEMPORALDATA_VIDEO_DECODER_MEMORY_BYTES",
    lambda: 256 << 20,
    _whole_number(0),
)
OUTPUT_MEMORY_BYTES = Setting(
    "output_memory_bytes",
    "TEMPORALDATA_VIDEO_OUTPUT_MEMORY_BYTES",
    _share_of_memory,
    _whole_number(0),
)
REQUEST_MEMORY_BYTES = Setting(
    "request_memory_bytes",
    "TEMPORALDATA_VIDEO_REQUEST_MEMORY_BYTES",
    lambda: 0,
    _whole_number(0),
)
CLOCK_MEMORY_BYTES = Setting(
    "clock_memory_bytes",
    "TEMPORALDATA_VIDEO_CLOCK_MEMORY_BYTES",
    lambda: 256 << 20,
    _whole_number(0),
)
RETRIES = Setting("retries", "TEMPORALDATA_VIDEO_RETRIES", lambda: 6, _whole_number(0))
REQUEST_SECONDS = Setting(
    "request_seconds", "TEMPORALDATA_VIDEO_REQUEST_SECONDS", lambda: 60, _whole_number(1)
)
ALLOWED_SCHEMES = Setting(
    "allowed_schemes",
    "TEMPORALDATA_VIDEO_ALLOWED_SCHEMES",
    lambda: (),
    _schemes,
    _joined,
)
PROXY: Setting[ProxyUse] = Setting(
    "proxy", "TEMPORALDATA_VIDEO_PROXY", lambda: "lossless", _one_of(get_args(ProxyUse))
)
SETTINGS: dict[str, Setting[Any]] = {
    setting.name: setting
    for setting in (
        CACHE_DIRECTORY,
        CACHE_QUOTA_BYTES,
        CACHE_BLOCK_BYTES,
        CACHE_KIND,
        DECODERS,
        DECODER_MEMORY_BYTES,
        OUTPUT_MEMORY_BYTES,
        REQUEST_MEMORY_BYTES,
        CLOCK_MEMORY_BYTES,
        RETRIES,
        REQUEST_SECONDS,
        ALLOWED_SCHEMES,
        PROXY,
    )
}


@dataclass(frozen=True)
class Configuration:
    r"""All settings, as they were when it was made.

    Args:
        cache_directory: where remote videos are kept; every user has a folder of their own
            in it.
        cache_quota_bytes: how many bytes the cache holds at most.
        cache_block_bytes: size of a block of the cache.
        cache_kind: ``"blocks"`` for what was read, ``"files"`` for whole files, or
            ``"none"``.
        decoders: how many decoders a process keeps for windows that slide along.
        decoder_memory_bytes: how many bytes of decoded frames it keeps for them.
        output_memory_bytes: how many bytes of freed pixels it keeps for reuse.
        request_memory_bytes: how many bytes one request for frames may take; 0 stands for
            80 % of the memory available at the time.
        clock_memory_bytes: how many bytes of timestamps and frame numbers a process keeps.
        retries: how often a request is tried again after the network failed.
        request_seconds: how long a request may take, with all that is tried again of it.
        allowed_schemes: schemes to which recordings and sidecars of another one may lead.
        proxy: which proxies are read: ``"lossless"``, ``"lossy"`` or ``"never"``.
    """

    cache_directory: str
    cache_quota_bytes: int
    cache_block_bytes: int
    cache_kind: CacheKind
    decoders: int
    decoder_memory_bytes: int
    output_memory_bytes: int
    request_memory_bytes: int
    clock_memory_bytes: int
    retries: int
    request_seconds: int
    allowed_schemes: tuple[str, ...]
    proxy: ProxyUse


def configuration() -> Configuration:
    r"""Returns all settings as they are now.

    Returns:
        The values of :func:`configure`, of the environment variables, or the defaults.

    Raises:
        ValueError: if an environment variable has a value that is not allowed.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.configuration().cache_kind
        'blocks'
    """
    return Configuration(**{name: setting.read() for name, setting in SETTINGS.items()})
