r"""Video as a modality of ``temporaldata``: lazy, exact, sliced like any other series."""

from importlib.metadata import version as _version

from . import nwb, training
from ._base.configuration import Configuration, configuration
from ._base.uris import frame_index_uri, segment_uris
from ._bytes.caches import BlockCache, SegmentCache
from ._clock.clock import Clock
from ._clock.faults import ClockReport, Faults
from ._clock.fit import examine_clock, read_timestamps
from ._clock.labs import lab_clock
from ._clock.match_clock import match_clock
from ._clock.pulses import ClockMatch
from ._clock.sync import SyncFit
from ._plugin.backends import Backend, get_backend, open_backend, register_backend
from ._plugin.hookspecs import hookimpl, hookspec
from ._plugin.manager import discover_plugins
from ._pose.frame_count import pose_frame_count
from ._sidecar.sidecar import LanceFrameIndex
from ._tools.checking.check_video import check_video
from ._tools.checking.finding import CheckReport, Finding, Severity
from ._tools.configure import configure
from ._tools.index_many import index_many
from ._tools.info import VideoInfo, info
from ._tools.many import ManyReport, VideoReport
from ._tools.plot_recording import plot_recording
from ._tools.proxies.proxy_many import proxy_many
from ._tools.proxies.write_proxy import ProxyReport, write_proxy
from ._tools.reencoding.reencode import ReencodeReport, reencode
from ._tools.relink import RelinkedFile, RelinkReport, relink
from ._tools.write_index import write_index
from ._video.frames_together import frames_together
from ._video.masks import MaskedFrames, masked_frames
from ._video.read_many import read_many
from ._view.rerun_log import to_rerun
from ._view.view import View, view
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
    PrecisionWarning,
    RequestTooLargeError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    StaleIndexError,
    UnknownBackendError,
    VideoError,
    VideoWarning,
)
from .hosts._hosts import MP4_INDEX, concat
from .hosts._late import teach_later
from .hosts.temporaldata import LazyVideo, read_pose, read_skeleton
from .types import (
    ByteCache,
    ClockIndex,
    Cost,
    FolderStore,
    FrameIndex,
    ObjectMeta,
    ObjectStore,
    Pace,
    PacketIndex,
    RangeStore,
    Showings,
)

__all__ = [
    "MP4_INDEX",
    "Backend",
    "BackendError",
    "BlockCache",
    "ByteCache",
    "CacheError",
    "CacheWarning",
    "CheckReport",
    "Clock",
    "ClockError",
    "ClockIndex",
    "ClockMatch",
    "ClockReport",
    "Configuration",
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
    "IndexWarning",
    "LanceFrameIndex",
    "LazyVideo",
    "ManyReport",
    "MaskedFrames",
    "ObjectMeta",
    "ObjectStore",
    "Pace",
    "PacketIndex",
    "PluginWarning",
    "PrecisionWarning",
    "ProxyReport",
    "RangeStore",
    "ReencodeReport",
    "RelinkReport",
    "RelinkedFile",
    "RequestTooLargeError",
    "SegmentCache",
    "Severity",
    "Showings",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "StaleIndexError",
    "SyncFit",
    "UnknownBackendError",
    "VideoError",
    "VideoInfo",
    "VideoReport",
    "VideoWarning",
    "View",
    "check_video",
    "concat",
    "configuration",
    "configure",
    "examine_clock",
    "frame_index_uri",
    "frames_together",
    "get_backend",
    "hookimpl",
    "hookspec",
    "index_many",
    "info",
    "lab_clock",
    "masked_frames",
    "match_clock",
    "nwb",
    "open_backend",
    "plot_recording",
    "pose_frame_count",
    "proxy_many",
    "read_many",
    "read_pose",
    "read_skeleton",
    "read_timestamps",
    "reencode",
    "register_backend",
    "relink",
    "segment_uris",
    "to_rerun",
    "training",
    "view",
    "write_index",
    "write_proxy",
]


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


__version__ = _version("temporaldata-video")

register_backend(MP4_INDEX)
teach_later()
discover_plugins()
