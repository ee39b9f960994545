r"""Reads S3, and stores that speak its protocol, by the client that s3fs holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...types import ObjectMeta
from ..fetch import MAX_OBJECTS
from .common import CONNECT_SECONDS, READ_SECONDS, bucket_and_name, wait_for

# As many objects as are read at a time, each of which is looked up meanwhile.
_CONNECTIONS = 2 * MAX_OBJECTS


def connect(protocol: str, options: Mapping[str, Any]) -> Any:
    r"""Returns an ``S3FileSystem`` that never tries again by itself."""
    import fsspec

    config = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "max_pool_connections": _CONNECTIONS,
        "retries": {"max_attempts": 0},
        **options.get("config_kwargs", {}),
    }
    settings = {**options, "config_kwargs": config, "skip_instance_cache": True}
    return fsspec.filesystem("s3", **settings)


def head(system: Any, key: str) -> ObjectMeta:
    r"""Returns size and etag of an object."""
    answer = _call(system, "head_object", key)
    return ObjectMeta(int(answer["ContentLength"]), answer.get("ETag", ""))


def read(system: Any, key: str, start: int, length: int, etag: str) -> bytes:
    r"""Returns the bytes of a range, on the condition that the object is ``etag``."""
    condition = {"IfMatch": etag} if etag else {}
    wanted = f"bytes={start}-{start + length - 1}"
    return _call(system, "get_object", key, Range=wanted, **condition)


def list(system: Any, key: str) -> dict[str, ObjectMeta]:
    r"""Returns all objects below a uri as a folder, by their path in it."""
    bucket, name = bucket_and_name(key)
    folder = name.rstrip("/") + "/"
    found: dict[str, ObjectMeta] = {}
    more: dict[str, Any] = {}
    while True:
        page = _client_call(system, "list_objects_v2", Bucket=bucket, Prefix=folder, **more)
        for entry in page.get("Contents", ()):
            meta = ObjectMeta(int(entry["Size"]), entry.get("ETag", ""))
            found[entry["Key"].removeprefix(folder)] = meta
        if not page.get("IsTruncated"):
            return found
        more = {"ContinuationToken": page["NextContinuationToken"]}


def create(system: Any, key: str, data: bytes) -> None:
    r"""Stores an object in one step, on the condition that there is none."""
    _call(system, "put_object", key, Body=data, IfNoneMatch="*")


def delete(system: Any, key: str) -> None:
    r"""Deletes an object."""
    _call(system, "delete_object", key)


def _call(system: Any, operation: str, key: str, **arguments: Any) -> Any:
    bucket, name = bucket_and_name(key)
    return _client_call(system, operation, Bucket=bucket, Key=name, **arguments)


def _client_call(system: Any, operation: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        await system.set_session()
        client = await system.get_s3(arguments["Bucket"])
        answer = await getattr(client, operation)(**arguments, **system.req_kw)
        if "Body" not in answer:
            return answer
        async with answer["Body"] as body:
            return await body.read()

    return wait_for(system, ask)
