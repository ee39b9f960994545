r"""Video as a modality of ``temporaldata``: lazy, exact, sliced like any other series."""

from . import nwb
from .errors import (
    BackendError,
    CacheError,
    CacheWarning,
    ClockError,
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
from .index.clock.fit import examine_clock, read_timestamps
from .index.clock.labs import lab_clock
from .index.clock.report import ClockReport, Faults
from .index.clock.spec import Clock
from .index.clock.sync import SyncFit
from .index.pose import pose_frame_count
from .index.sidecar import LanceFrameIndex
from .indexing import IndexReport, index_many, write_index
from .layout import frame_index_uri, segment_uris
from .media.cache import BlockCache, SegmentCache
from .media.cache_settings import CacheSettings, configure_cache
from .media.pool import configure_decoders
from .plugin.backends import Backend, get_backend, open_backend, register_backend
from .plugin.hookspecs import hookimpl, hookspec
from .plugin.manager import discover_plugins
from .types import ByteCache, Cost, FrameIndex, ObjectMeta, ObjectStore

__all__ = [
    "MP4_INDEX",
    "Backend",
    "BackendError",
    "BlockCache",
    "ByteCache",
    "CacheError",
    "CacheSettings",
    "CacheWarning",
    "Clock",
    "ClockError",
    "ClockReport",
    "Cost",
    "DecodeError",
    "Faults",
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
    "SegmentCache",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "StaleIndexError",
    "SyncFit",
    "UnknownBackendError",
    "VideoError",
    "VideoWarning",
    "concat",
    "configure_cache",
    "configure_decoders",
    "examine_clock",
    "frame_index_uri",
    "get_backend",
    "hookimpl",
    "hookspec",
    "index_many",
    "lab_clock",
    "nwb",
    "open_backend",
    "pose_frame_count",
    "read_timestamps",
    "register_backend",
    "segment_uris",
    "write_index",
]

register_backend(MP4_INDEX)
discover_plugins()
