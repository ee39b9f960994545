r"""Reads any file system of fsspec by the calls that all of them have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...types import ObjectMeta
from ..retry import StatusError


def connect(protocol: str, options: Mapping[str, Any]) -> Any:
    r"""Returns a new file system, unless it is one that fsspec must keep."""
    import fsspec

    return fsspec.filesystem(protocol, **options, skip_instance_cache=True)


def head(system: Any, key: str) -> ObjectMeta:
    r"""Returns size and etag; without an etag, the time of the last change is used."""
    info = system.info(key)
    if info.get("type") == "directory":
        raise IsADirectoryError(key)
    return _meta(info)


def read(system: Any, key: str, start: int, length: int, etag: str) -> bytes:
    r"""Returns the bytes of a range.

    It looks the version up afterwards: ``etag`` was there before, and if it is there now,
    it was there in between.
    """
    data = system.cat_file(key, start=start, end=start + length)
    if etag and head(system, key).etag != etag:
        raise StatusError(412, "the object was replaced")
    return data


def list(system: Any, key: str) -> dict[str, ObjectMeta]:
    r"""Returns all objects below a uri as a folder, by their path in it."""
    system.invalidate_cache()
    folder = system._strip_protocol(key).rstrip("/") + "/"
    found = system.find(key, detail=True)
    return {
        name.removeprefix(folder): _meta(info)
        for name, info in found.items()
        if name.startswith(folder)
    }


def create(system: Any, key: str, data: bytes) -> None:
    r"""Stores an object if there is none.

    It takes two steps, since fsspec has no call that does it in one: if two processes write
    at the same moment, both may learn that theirs is stored, and only the second one is.
    """
    if system.exists(key):
        raise FileExistsError(key)
    system.makedirs(system._parent(key), exist_ok=True)
    system.pipe_file(key, data)


def delete(system: Any, key: str) -> None:
    r"""Deletes an object."""
    system.rm_file(key)


def _meta(info: Mapping[str, Any]) -> ObjectMeta:
    names = ("ETag", "etag", "generation", "mtime", "last_modified", "created")
    etag = next((info[name] for name in names if info.get(name)), "")
    if isinstance(etag, datetime):  # some systems use dates here, and seconds there
        etag = etag.timestamp()
    return ObjectMeta(size=int(info["size"]), etag=str(etag))
