r"""Asks each kind of store for the version of an object, and for its bytes.

The modules here have the same functions, which :obj:`Transport` lists. fsspec brings
the connections and credentials. It has no call to read on the condition that an object
still has the same version, so these modules call the library below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from ...types import ObjectMeta

# Names of fsspec's protocols, and the module that serves them; "generic" serves others.
_MODULES = {
    **dict.fromkeys(("s3", "s3a", "r2"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}


class Transport(Protocol):
    r"""The functions of the modules here; all may raise what the library below raises."""

    def connect(self, protocol: str, options: Mapping[str, Any]) -> Any:
        r"""Returns a file system of fsspec that nobody else uses.

        Args:
            protocol: as in the uri.
            options: of fsspec.
        """
        ...

    def head(self, system: Any, key: str) -> ObjectMeta:
        r"""Returns size and etag of an object."""
        ...

    def read(self, system: Any, key: str, start: int, length: int, etag: str) -> bytes:
        r"""Returns the bytes of a range, fewer at the end of the object.

        Args:
            system: the file system.
            key: the uri.
            start: first byte.
            length: number of bytes, at least 1.
            etag: the version that they must be of, ``""`` for any.
        """
        ...

    def list(self, system: Any, key: str) -> dict[str, ObjectMeta]:
        r"""Returns all objects below a uri as a folder, by their path in it."""
        ...

    def create(self, system: Any, key: str, data: bytes) -> None:
        r"""Stores an object on the condition that there is none, in one step; if there is
        one, raises what :func:`~temporaldata_video._bytes.retry.is_taken` knows."""
        ...

    def delete(self, system: Any, key: str) -> None:
        r"""Deletes an object."""
        ...


def transport_of(protocol: str) -> Transport:
    r"""Returns the module that serves a protocol.

    Args:
        protocol: as in the uri.
    """
    name = _MODULES.get(protocol, "generic")
    return cast("Transport", import_module(f".{name}", __name__))
