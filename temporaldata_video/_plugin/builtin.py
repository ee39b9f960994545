r"""Our own implementations of the hooks; those of plugins come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._base.uris import frame_index_uri, is_local, protocol_of
from .._bytes.configured_cache import ConfiguredCache
from .._bytes.local import LocalStore
from .._bytes.remote import FsspecStore
from .._sidecar.sidecar import LanceFrameIndex
from ..errors import BackendError, IndexNotFoundError
from ..types import ByteCache, FrameIndex, ObjectStore
from .hookspecs import hookimpl

# Files in memory or on a local disk are read in place.
_IN_PLACE = frozenset(("", "file", "local", "memory"))


@hookimpl(trylast=True)
def resolve_store(uri: str, storage_options: Mapping[str, Any]) -> ObjectStore:
    r"""Returns the local file system for paths, and fsspec for everything else."""
    protocol = protocol_of(uri)
    return FsspecStore(protocol, dict(storage_options)) if protocol else LocalStore()


@hookimpl(trylast=True)
def resolve_index(uri: str, store: ObjectStore) -> FrameIndex | None:
    r"""Returns the sidecar that lies beside the video."""
    try:
        return LanceFrameIndex.open(frame_index_uri(uri), store)
    except (IndexNotFoundError, BackendError):  # none, or a store that holds none
        return None


@hookimpl(trylast=True)
def resolve_cache(uri: str, store: ObjectStore) -> ByteCache | None:
    r"""Returns the cache that is configured, for remote objects."""
    return None if protocol_of(uri) in _IN_PLACE else ConfiguredCache()


@hookimpl(trylast=True)
def resolve_proxy(uri: str, name: str) -> str | None:
    r"""Returns the place beside a file of this machine. Beside remote files nothing is
    looked for, since each look takes a request."""
    return f"{uri}.{name}" if is_local(uri) else None
