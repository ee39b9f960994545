r"""Reads plain HTTP servers that know ranges, by the session that fsspec holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._base.uris import shown_uri
from ...errors import BackendError, SourceError
from ...types import ObjectMeta
from ..retry import StatusError
from .common import CONNECT_SECONDS, READ_SECONDS, wait_for

_DATED = "Last-Modified: "


def connect(protocol: str, options: Mapping[str, Any]) -> Any:
    r"""Returns an ``HTTPFileSystem`` without a limit on how long a whole answer takes."""
    import aiohttp
    import fsspec

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
    )
    client = {"timeout": timeout, **options.get("client_kwargs", {})}
    settings = {**options, "client_kwargs": client, "skip_instance_cache": True}
    return fsspec.filesystem("http", **settings)


def head(system: Any, key: str) -> ObjectMeta:
    r"""Returns size and etag of an object, from the answer to a request for one byte.

    It sends no ``HEAD``, which the signature of a presigned url does not cover.
    """
    status, headers, _ = _get(system, key, 0, 1, {})
    total = headers.get("Content-Range", "").rpartition("/")[2]
    if status != 416 and not total.isdecimal():
        raise SourceError(
            f"{shown_uri(key)!r}: the server does not say how long the file is."
        )
    return ObjectMeta(int(total) if total.isdecimal() else 0, _etag(headers))


def read(system: Any, key: str, start: int, length: int, etag: str) -> bytes:
    r"""Returns the bytes of a range, on the condition that the object is ``etag``."""
    condition = {}
    if etag.startswith('"'):
        condition["If-Match"] = etag
    elif etag.startswith(_DATED):
        condition["If-Unmodified-Since"] = etag.removeprefix(_DATED)
    status, headers, body = _get(system, key, start, length, condition)
    if etag and _etag(headers) != etag:
        raise StatusError(412, "the file was replaced")
    if status == 416:
        raise StatusError(416, "the file ends before the range")
    where = headers.get("Content-Range", "").partition("/")[0]
    if where != f"bytes {start}-{start + len(body) - 1}":
        raise SourceError(
            f"{shown_uri(key)!r}: the server was asked for the bytes from {start} on, and "
            f"says that it sends {where or 'others'!r}. Copy the video, or serve it by "
            f"another server."
        )
    return body


def list(system: Any, key: str) -> dict[str, ObjectMeta]:
    r"""Raises :obj:`BackendError`: HTTP has no folders."""
    raise _no_folders(key)


def create(system: Any, key: str, data: bytes) -> None:
    r"""Raises :obj:`BackendError`: HTTP is for reading."""
    raise _no_folders(key)


def delete(system: Any, key: str) -> None:
    r"""Raises :obj:`BackendError`: HTTP is for reading."""
    raise _no_folders(key)


def _no_folders(key: str) -> BackendError:
    return BackendError(
        f"an index cannot lie on an HTTP server ({shown_uri(key)!r}): pass index_uri=..., "
        f"a local path for instance."
    )


def _etag(headers: Mapping[str, str]) -> str:
    etag = headers.get("ETag", "")
    dated = headers.get("Last-Modified", "")
    return etag or (dated and _DATED + dated)


def _get(
    system: Any, key: str, start: int, length: int, condition: Mapping[str, str]
) -> tuple[int, Mapping[str, str], bytes]:
    arguments = dict(system.kwargs)
    arguments["headers"] = {
        **arguments.get("headers", {}),
        "Range": f"bytes={start}-{start + length - 1}",
        "Accept-Encoding": "identity",
        **condition,
    }

    async def ask() -> tuple[int, Mapping[str, str], bytes]:
        session = await system.set_session()
        async with session.get(system.encode_url(key), **arguments) as answer:
            if answer.status == 200:
                answer.close()  # or the whole file would follow
                raise SourceError(
                    f"{shown_uri(key)!r}: the server sends whole files only, not ranges of "
                    f"them. Copy the video, or serve it by a server that knows ranges."
                )
            if answer.status not in (206, 416):
                raise StatusError(answer.status, answer.reason or "", answer.headers)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                answer.close()
                raise SourceError(
                    f"{shown_uri(key)!r}: the server compresses what it sends, so that "
                    f"ranges are not those of the file. Turn that off for videos."
                )
            return answer.status, answer.headers, await answer.read()

    return wait_for(system, ask)
