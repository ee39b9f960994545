r"""Video as a modality of ``temporaldata``: lazy, exact, sliced like any other series."""

from .errors import (
    BackendError,
    CacheError,
    DecodeError,
    FrameIndexError,
    IndexFormatError,
    IndexNotFoundError,
    IndexWarning,
    PluginWarning,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    StaleIndexError,
    UnknownBackendError,
    VideoError,
    VideoWarning,
)
from .hosts.temporaldata import MP4_INDEX, LazyVideo, concat
from .index.clock import read_timestamps
from .index.sidecar import LanceFrameIndex
from .indexing import IndexReport, index_many, write_index
from .layout import frame_index_uri, segment_uris
from .media.pool import configure_decoders
from .plugin.backends import Backend, get_backend, open_backend, register_backend
from .plugin.hookspecs import hookimpl, hookspec
from .plugin.manager import discover_plugins
from .types import ByteCache, Cost, FrameIndex, ObjectMeta, ObjectStore

__all__ = [
    "MP4_INDEX",
    "Backend",
    "BackendError",
    "ByteCache",
    "CacheError",
    "Cost",
    "DecodeError",
    "FrameIndex",
    "FrameIndexError",
    "IndexFormatError",
    "IndexNotFoundError",
    "IndexReport",
    "IndexWarning",
    "LanceFrameIndex",
    "LazyVideo",
    "ObjectMeta",
    "ObjectStore",
    "PluginWarning",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "StaleIndexError",
    "UnknownBackendError",
    "VideoError",
    "VideoWarning",
    "concat",
    "configure_decoders",
    "frame_index_uri",
    "get_backend",
    "hookimpl",
    "hookspec",
    "index_many",
    "open_backend",
    "read_timestamps",
    "register_backend",
    "segment_uris",
    "write_index",
]

register_backend(MP4_INDEX)
discover_plugins()
