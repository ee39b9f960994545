r"""Reads objects that fsspec can reach by ranges, each range of one version."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from .._base.configuration import REQUEST_SECONDS
from .._base.fork_safety import after_fork_in_child
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
from .protocols import Transport, transport_of
from .rangefile import open_by_ranges
from .retry import (
    Fault,
    classify,
    is_taken,
    is_unreached,
    lacks_bucket,
    status_of,
    with_retries,
)
from .storage_options import fsspec_options

T = TypeVar("T")

_EXTRAS = {
    **dict.fromkeys(("s3", "s3a", "r2"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}

# Connections belong to the process that made them: those of fsspec hold an event loop and a
# thread, which a forked child does not have.
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
        r"""Returns size and etag of all objects below a folder, by their path in it; none
        if there is no such folder.

        Args:
            folder: its uri.

        Raises:
            BackendError: if the protocol has no folders.
            SourceNotFoundError: if there is no such bucket.
            SourceError: if the store refuses or does not answer.
        """
        try:
            return self._ask(folder, "the folder ", lambda via, fs: via.list(fs, folder))
        except SourceNotFoundError as error:
            if error.__cause__ is not None and lacks_bucket(error.__cause__):
                raise
            return {}

    def create_object(self, key: str, data: bytes) -> bool:
        r"""Stores an object if there is none, in one step where the protocol can.

        Args:
            key: its uri.
            data: all of its bytes.

        Returns:
            Whether it was stored; if not, another one is there, and stays.

        Raises:
            SourceError: if the store refuses or does not answer.
        """

        def create(via: Transport, system: Any) -> bool:
            try:
                via.create(system, key, data)
            except Exception as error:
                if not is_taken(error):
                    raise
                return False
            return True

        return self._ask(key, "", create, "write")

    def delete_object(self, key: str) -> None:
        r"""Deletes an object, if it is there.

        Args:
            key: its uri.

        Raises:
            SourceError: if the store refuses or does not answer.
        """
        with suppress(SourceNotFoundError):
            self._ask(key, "", lambda via, system: via.delete(system, key), "delete")

    def _ask(
        self, key: str, what: str, ask: Callable[[Transport, Any], T], doing: str = "read"
    ) -> T:
        via = transport_of(self.protocol)

        def attempt() -> T:
            return ask(via, self._system(via))

        try:
            return with_retries(attempt)
        except VideoError:
            raise
        except TypeError as error:  # libraries take some options when they first connect
            raise _unusable(self.protocol, self.storage_options, error) from None
        except Exception as error:  # each library has a tree of exceptions of its own
            raise _translated(key, what, error, doing) from error

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
            raise _unusable(self.protocol, options, error) from None


def _fingerprint(options: Mapping[str, Any]) -> Any:
    try:
        return pickle.dumps(sorted(options.items()))
    except Exception:  # options that cannot be pickled go by identity
        return tuple((name, id(value)) for name, value in sorted(options.items()))


def _missing_library(protocol: str, error: ImportError) -> BackendError:
    extra = _EXTRAS.get(protocol)
    command = (
        f"pip install 'temporaldata-video[{extra}]'"
        if extra
        else "pip install the library that the message names"
    )
    return BackendError(
        f"reading {protocol}:// needs a library that is not installed ({error}). Run: "
        f"{command}"
    )


def _unusable(protocol: str, options: Mapping[str, Any], error: Exception) -> BackendError:
    # Values of options may be secrets, and messages of libraries may quote them.
    import fsspec

    known = {*_EXTRAS, *fsspec.available_protocols(), *fsspec.registry}
    if protocol not in known:
        return BackendError(
            f"no store is known for {protocol}://. Check how it is spelled; if it is a "
            f"scheme of your own, install the plugin that resolves it."
        )
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    why = f"it takes no {unknown[1]!r}" if unknown else type(error).__name__
    return BackendError(
        f"{protocol}:// cannot be opened with these storage_options ({why}). Check their "
        f"names, {sorted(options)}, and their types."
    )


def _translated(key: str, what: str, error: Exception, doing: str) -> SourceError:
    name = shown_uri(key)
    fault = classify(error)
    why = _cause(error)
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{name!r} is a directory; give the uri of a video file.")
    if lacks_bucket(error):
        return SourceNotFoundError(
            f"there is no bucket for {name!r}. Check its name, and the endpoint and the "
            f"account that are asked."
        )
    if fault is Fault.MISSING:
        return SourceNotFoundError(
            f"there is no object at {name!r}. Check bucket and name. If a recording points "
            f"to it, and it has moved, run: temporaldata-video relink REC.h5 --search "
            f"FOLDER; then load it again."
        )
    if fault is Fault.FORBIDDEN:
        return SourceError(
            f"access to {what}{name!r} is denied ({why}). Check the credentials: "
            f"storage_options, or the environment variables that the store's tools use."
        )
    if fault is Fault.CHANGED:
        return SourceChangedError(f"{name!r} changed while it was being read.")
    if fault is Fault.BEYOND_END:
        return SourceChangedError(
            f"{name!r} ends before {what.removesuffix(' of ')}: it was cut off since it "
            f"was indexed."
        )
    if isinstance(error, TimeoutError):
        seconds = REQUEST_SECONDS.read()
        return SourceError(
            f"cannot {doing} {what}{name!r}: there was no whole answer within {seconds} "
            f"seconds. If the connection is slow, call "
            f"temporaldata_video.configure(request_seconds={5 * seconds})."
        )
    if is_unreached(error) or "Invalid endpoint" in why:
        return SourceError(
            f"cannot {doing} {what}{name!r}: nothing answers there ({why}). Check the "
            f"network, and endpoint_url in storage_options or in the environment."
        )
    tried = "; tried again several times" if fault is Fault.TRANSIENT else ""
    return SourceError(f"cannot {doing} {what}{name!r}: {why}{tried}.")


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
    # Newer versions of fsspec do this themselves. With older ones, a forked child waits for
    # ever for the event loop of its parent, whose thread the child does not have.
    if asyn := sys.modules.get("fsspec.asyn"):
        asyn.reset_lock()


after_fork_in_child(_forget_event_loop)
