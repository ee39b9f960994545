r"""Our own implementations of the hooks, which any plugin comes before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BackendError, IndexNotFoundError
from ..index.sidecar import LanceFrameIndex
from ..layout import frame_index_uri, protocol_of
from ..media.remote import FsspecStore
from ..media.store import LocalStore
from ..types import FrameIndex, ObjectStore
from .hookspecs import hookimpl


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
    except (IndexNotFoundError, BackendError):  # none, or in a place beyond Lance's reach
        return None
