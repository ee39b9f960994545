r"""Reads Azure Blob Storage by the client that adlfs holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ...types import ObjectMeta
from .common import CONNECT_SECONDS, READ_SECONDS, wait_for

T = TypeVar("T")

# For each call: only this package tries again.
_ONCE = {"retry_total": 0}


def connect(protocol: str, options: Mapping[str, Any]) -> Any:
    r"""Returns an ``AzureBlobFileSystem``."""
    import fsspec

    settings = {
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        **options,
        "skip_instance_cache": True,
    }
    return fsspec.filesystem("az", **settings)


def head(system: Any, key: str) -> ObjectMeta:
    r"""Returns size and etag of an object."""
    found = _with_blob(system, key, lambda blob: blob.get_blob_properties(**_ONCE))
    return ObjectMeta(int(found.size), found.etag)


def read(system: Any, key: str, start: int, length: int, etag: str) -> bytes:
    r"""Returns the bytes of a range, on the condition that the object is ``etag``."""
    from azure.core import MatchConditions

    condition = (
        {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
    )

    async def download(blob: Any) -> bytes:
        stream = await blob.download_blob(start, length, **condition, **_ONCE)
        return await stream.readall()

    return _with_blob(system, key, download)


def list(system: Any, key: str) -> dict[str, ObjectMeta]:
    r"""Returns all objects below a uri as a folder, by their path in it."""
    container, name = system.split_path(key)[:2]
    folder = name.rstrip("/") + "/"

    async def ask() -> dict[str, ObjectMeta]:
        async with system.service_client.get_container_client(container) as client:
            blobs = client.list_blobs(name_starts_with=folder, **_ONCE)
            return {
                blob.name.removeprefix(folder): ObjectMeta(blob.size, _quoted(blob.etag))
                async for blob in blobs
            }

    return wait_for(system, ask)


def create(system: Any, key: str, data: bytes) -> None:
    r"""Stores an object in one step, on the condition that there is none."""
    _with_blob(system, key, lambda blob: blob.upload_blob(data, overwrite=False, **_ONCE))


def delete(system: Any, key: str) -> None:
    r"""Deletes an object."""
    _with_blob(system, key, lambda blob: blob.delete_blob(**_ONCE))


def _quoted(etag: str) -> str:
    # Listings leave out the quotation marks that an etag has everywhere else.
    return etag if etag.startswith('"') else f'"{etag}"'


def _with_blob(system: Any, key: str, ask: Callable[[Any], Awaitable[T]]) -> T:
    container, name = system.split_path(key)[:2]

    async def run() -> T:
        async with system.service_client.get_blob_client(container, name) as blob:
            return await ask(blob)

    return wait_for(system, run)
