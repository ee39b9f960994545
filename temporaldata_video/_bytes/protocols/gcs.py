r"""Reads Google Cloud Storage by requests that gcsfs signs.

The generation of an object tells its versions apart.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...types import ObjectMeta
from .common import CONNECT_SECONDS, READ_SECONDS, bucket_and_name, wait_for


def connect(protocol: str, options: Mapping[str, Any]) -> Any:
    r"""Returns a ``GCSFileSystem`` without a limit on how long a whole answer takes."""
    import aiohttp
    import fsspec

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
    )
    settings = {"requests_timeout": timeout, **options, "skip_instance_cache": True}
    return fsspec.filesystem("gcs", **settings)


def head(system: Any, key: str) -> ObjectMeta:
    r"""Returns size and generation of an object."""
    return _meta(json.loads(_request(system, "b/{}/o/{}", *bucket_and_name(key))))


def read(system: Any, key: str, start: int, length: int, etag: str) -> bytes:
    r"""Returns the bytes of a range, on the condition that the generation is ``etag``."""
    condition = {"ifGenerationMatch": etag} if etag else {}
    wanted = {"Range": f"bytes={start}-{start + length - 1}"}
    url = system.url("/".join(bucket_and_name(key)))
    return _request(system, url, headers=wanted, **condition)


def list(system: Any, key: str) -> dict[str, ObjectMeta]:
    r"""Returns all objects below a uri as a folder, by their path in it."""
    bucket, name = bucket_and_name(key)
    folder = name.rstrip("/") + "/"
    found: dict[str, ObjectMeta] = {}
    more: dict[str, str] = {}
    while True:
        page = json.loads(_request(system, "b/{}/o", bucket, prefix=folder, **more))
        for item in page.get("items", ()):
            found[item["name"].removeprefix(folder)] = _meta(item)
        if "nextPageToken" not in page:
            return found
        more = {"pageToken": page["nextPageToken"]}


def create(system: Any, key: str, data: bytes) -> None:
    r"""Stores an object in one step, on the condition that it has no generation yet."""
    bucket, name = bucket_and_name(key)
    url = f"{system._location}/upload/storage/v1/b/{quote(bucket)}/o"
    query = {"uploadType": "media", "name": name, "ifGenerationMatch": "0"}
    _request(system, url, method="POST", data=data, **query)


def delete(system: Any, key: str) -> None:
    r"""Deletes an object."""
    _request(system, "b/{}/o/{}", *bucket_and_name(key), method="DELETE")


def _meta(item: Mapping[str, Any]) -> ObjectMeta:
    return ObjectMeta(int(item["size"]), str(item["generation"]))


def _request(
    system: Any, path: str, *names: str, method: str = "GET", **arguments: Any
) -> bytes:
    # The decorator of gcsfs tries again by itself, so this calls the function below it.
    request = inspect.unwrap(type(system)._request)
    return wait_for(system, request, system, method, path, *names, **arguments)[3]
