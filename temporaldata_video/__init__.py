r"""Video as a modality of ``temporaldata``: lazy, exact, sliced like any other series."""

from . import nwb
from .batch import read_many
from .checking.check import check_video
from .checking.finding import CheckReport, Finding, Severity
from .errors import (
    BackendError,
    CacheError,
    CacheWarning,
    ClockError,
    DecodeError,
    DecodeWarning,
    FrameIndexError,
    FrameSizeError,
    IndexFormatError,
    IndexNotFoundError,
    IndexWarning,
    PluginWarning,
    RequestTooLargeError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    StaleIndexError,
    UnknownBackendError,
    VideoError,
    VideoWarning,
)
from .hosts.late import teach_later
from .hosts.series import MP4_INDEX, concat
from .hosts.temporaldata import LazyVideo, read_pose
from .index.clock.fit import examine_clock, read_timestamps
from .index.clock.labs import lab_clock
from .index.clock.report import ClockReport, Faults
from .index.clock.spec import Clock
from .index.clock.sync import SyncFit
from .index.pose import pose_frame_count
from .index.sidecar import LanceFrameIndex
from .indexing import write_index
from .layout import allow_schemes, frame_index_uri, segment_uris
from .many import IndexReport, IndexSummary, index_many
from .masked import MaskedFrames, masked_frames
from .media.cache import BlockCache, SegmentCache
from .media.cache_settings import CacheSettings, configure_cache
from .media.pool import configure_decoders
from .memory_bound import configure_request_memory
from .output_memory import configure_output_memory
from .overview import plot_recording
from .plugin.backends import Backend, get_backend, open_backend, register_backend
from .plugin.hookspecs import hookimpl, hookspec
from .plugin.manager import discover_plugins
from .reencoding.reencode import ReencodeReport, reencode
from .types import ByteCache, Cost, FolderStore, FrameIndex, ObjectMeta, ObjectStore

__all__ = [
    "MP4_INDEX",
    "Backend",
    "BackendError",
    "BlockCache",
    "ByteCache",
    "CacheError",
    "CacheSettings",
    "CacheWarning",
    "CheckReport",
    "Clock",
    "ClockError",
    "ClockReport",
    "Cost",
    "DecodeError",
    "DecodeWarning",
    "Faults",
    "Finding",
    "FolderStore",
    "FrameIndex",
    "FrameIndexError",
    "FrameSizeError",
    "IndexFormatError",
    "IndexNotFoundError",
    "IndexReport",
    "IndexSummary",
    "IndexWarning",
    "LanceFrameIndex",
    "LazyVideo",
    "MaskedFrames",
    "ObjectMeta",
    "ObjectStore",
    "PluginWarning",
    "ReencodeReport",
    "RequestTooLargeError",
    "SegmentCache",
    "Severity",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "StaleIndexError",
    "SyncFit",
    "UnknownBackendError",
    "VideoError",
    "VideoWarning",
    "allow_schemes",
    "check_video",
    "concat",
    "configure_cache",
    "configure_decoders",
    "configure_output_memory",
    "configure_request_memory",
    "examine_clock",
    "frame_index_uri",
    "get_backend",
    "hookimpl",
    "hookspec",
    "index_many",
    "lab_clock",
    "masked_frames",
    "nwb",
    "open_backend",
    "plot_recording",
    "pose_frame_count",
    "read_many",
    "read_pose",
    "read_timestamps",
    "reencode",
    "register_backend",
    "segment_uris",
    "write_index",
]

register_backend(MP4_INDEX)
teach_later()
discover_plugins()
