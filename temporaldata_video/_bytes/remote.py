r"""Objects of whatever fsspec can reach, read by ranges, each range of one version."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from .._base.process_cache import ProcessCache
from .._base.uris import shown_uri
from ..errors import (
    BackendError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    VideoError,
)
from ..types import ObjectMeta
from .copies import local_folder
from .protocols import Transport, transport_of
from .rangefile import open_by_ranges
from .retry import Fault, classify, status_of, with_retries
from .storage_options import LANCE_PREFIXES, fsspec_options, lance_options

T = TypeVar("T")

_EXTRAS = {
    **dict.fromkeys(("s3", "s3a", "r2"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}

# Connections belong to the process that made them: fsspec's hold an event loop and a thread
# that a forked child does not have.
_SYSTEMS: ProcessCache[Any] = ProcessCache(32)


@dataclass(frozen=True)
class FsspecStore:
    r"""Objects of any file system that fsspec knows; a key is the whole uri.

    It holds no connection. Each process has its own, shared by its threads.

    Args:
        protocol: of its uris, such as ``"s3"`` or ``"memory"``.
        storage_options: credentials and the like; never shown.
    """

    protocol: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def head(self, key: str) -> ObjectMeta:
        r"""Returns size in bytes and etag of an object.

        Raises:
            SourceNotFoundError: if there is none.
            SourceError: if the store refuses or does not answer.
        """
        return self._ask(key, "", lambda via, system: via.head(system, key))

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        r"""Returns exactly ``length`` bytes from ``start``.

        Args:
            key: the uri.
            start: offset of the first byte.
            length: number of bytes.
            etag: the version that the bytes must be of.

        Raises:
            SourceChangedError: if the object is not of version ``etag`` or too short.
            SourceError: if the store refuses or does not answer.
        """
        if length == 0:
            return b""
        data = self._ask(
            key,
            f"bytes {start} to {start + length} of ",
            lambda via, system: via.read(system, key, start, length, etag or ""),
        )
        if len(data) != length:
            raise _cut_off(key, start + len(data), start + length)
        return data

    def open(self, key: str) -> BinaryIO:
        r"""Returns a seekable file that reads one version of the object by ranges."""
        return open_by_ranges(self, key)

    def list_objects(self, folder: str) -> dict[str, ObjectMeta]:
        r"""Returns size and etag of all objects below a folder, by their path in it.

        Args:
            folder: its uri.

        Raises:
            BackendError: if the protocol has no folders.
        """
        return self._ask(folder, "the folder ", lambda via, fs: via.list(fs, folder))

    def local_folder(self, folder: str, files: Sequence[tuple[str, ObjectMeta]]) -> str:
        r"""Returns a local folder that holds files of a remote one.

        Args:
            folder: uri of the remote folder.
            files: names below it, size and etag; what is first tells the version of all.

        Raises:
            SourceChangedError: if a file is of another version by now.
            CacheError: if there is no place for copies.
        """
        return local_folder(self, folder, files)

    def write_object(self, key: str, data: bytes) -> None:
        r"""Stores an object, or replaces it, in one step.

        Args:
            key: its uri.
            data: all of its bytes.
        """
        self._ask(key, "", lambda via, system: via.write(system, key, data))

    def delete_folder(self, folder: str) -> None:
        r"""Deletes all objects below a folder.

        Args:
            folder: its uri.
        """
        self._ask(folder, "the folder ", lambda via, fs: via.delete(fs, folder))

    def lance_connection(self) -> tuple[str, dict[str, str]]:
        r"""Returns what Lance's uris begin with, and the ``storage_options`` it takes.

        Raises:
            BackendError: if Lance has no way to the protocol.
        """
        if self.protocol not in LANCE_PREFIXES:
            raise BackendError(
                f"Lance cannot reach {self.protocol}://, so that the index of such a video "
                f"lies elsewhere: pass index_uri, a local path for instance."
            )
        options = lance_options(self.protocol, self.storage_options)
        return LANCE_PREFIXES[self.protocol], options

    def _ask(self, key: str, what: str, ask: Callable[[Transport, Any], T]) -> T:
        via = transport_of(self.protocol)

        def attempt() -> T:
            return ask(via, self._system(via))

        try:
            return with_retries(attempt)
        except VideoError:
            raise
        except Exception as error:  # each library has a tree of exceptions of its own
            raise _translated(key, what, error) from error

    def _system(self, via: Transport) -> Any:
        options = fsspec_options(self.protocol, self.storage_options)
        key = self.protocol, _fingerprint(options)
        return _SYSTEMS.get(key, lambda: self._connect(via, options))

    def _connect(self, via: Transport, options: Mapping[str, Any]) -> Any:
        try:
            return via.connect(self.protocol, options)
        except ImportError as error:
            raise _missing_library(self.protocol, error) from error
        except (ValueError, TypeError) as error:
            raise BackendError(
                f"cannot open {self.protocol}:// ({type(error).__name__}); check the "
                f"protocol, and the names in storage_options: {sorted(options)}."
            ) from None


def _fingerprint(options: Mapping[str, Any]) -> Any:
    try:
        return pickle.dumps(sorted(options.items()))
    except Exception:  # what cannot be pickled is known by its identity
        return tuple((name, id(value)) for name, value in sorted(options.items()))


def _missing_library(protocol: str, error: ImportError) -> BackendError:
    extra = _EXTRAS.get(protocol)
    command = (
        f"pip install 'temporaldata-video[{extra}]'"
        if extra
        else "pip install what the message names"
    )
    return BackendError(
        f"reading {protocol}:// needs a library that is not installed ({error}). Run: "
        f"{command}"
    )


def _translated(key: str, what: str, error: Exception) -> SourceError:
    name = shown_uri(key)
    fault = classify(error)
    why = _cause(error)
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{name!r} is a directory; give the uri of a video file.")
    if fault is Fault.MISSING:
        return SourceNotFoundError(f"there is no object at {name!r}.")
    if fault is Fault.FORBIDDEN:
        return SourceError(
            f"access to {what}{name!r} is denied ({why}). Check the credentials: "
            f"storage_options, or the environment variables of the store's own tools."
        )
    if fault is Fault.CHANGED:
        return SourceChangedError(f"{name!r} changed while it was being read.")
    if fault is Fault.BEYOND_END:
        return SourceChangedError(
            f"{name!r} ends before {what.removesuffix(' of ')}: it was cut off since it "
            f"was indexed."
        )
    tried = "; tried again several times" if fault is Fault.TRANSIENT else ""
    return SourceError(f"cannot read {what}{name!r}: {why}{tried}.")


def _cause(error: Exception) -> str:
    status, code = status_of(error)
    if status:
        return f"HTTP {status} {code}".rstrip()
    return f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")


def _cut_off(key: str, end: int, wanted: int) -> SourceChangedError:
    return SourceChangedError(
        f"{shown_uri(key)!r} ends at byte {end}, but bytes up to {wanted} were asked for: "
        f"it was cut off since it was indexed."
    )


def _forget_event_loop() -> None:
    # Newer versions of fsspec do so themselves. With others, a forked child waits for ever
    # for the loop of its parent, whose thread it does not have.
    if asyn := sys.modules.get("fsspec.asyn"):
        asyn.reset_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_event_loop)
