r"""How a lazy video is kept in an HDF5 file: as a plain series of timestamps, with
attributes that point to the video."""

from __future__ import annotations

import json
import os
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from .._base.process_cache import RECORDING_ARRAYS
from .._base.uris import check_scheme, normalize_uri, relative_uri, resolve_uri
from .._plugin.place import VideoPlace
from .._video.arguments import check_choice, checked_output, checked_threads
from .._video.lazy_arrays import LazyColumn
from .._video.part import VideoPart
from .._video.recording import VideoSource
from .._video.saved import SavedVideo
from .._video.series import VideoSeries
from ..errors import FrameIndexError
from ..types import Fingerprint

BACKEND_NAME = "MP4_INDEX"


@dataclass(frozen=True, eq=False)
class FromHdf5:
    r"""Returns a dataset of an HDF5 file, which is opened anew to load it.

    Args:
        path: the file.
        dataset: name of the dataset in it.
    """

    path: str
    dataset: str

    def __call__(self) -> np.ndarray:
        return RECORDING_ARRAYS.get(self, self._load)

    def _load(self) -> np.ndarray:
        import h5py

        with h5py.File(self.path, "r") as file:
            return file[self.dataset][:]


def write_pointer(video: VideoSeries, group: Any) -> None:
    r"""Writes a video into an HDF5 group, as a series that any reader can load.

    Args:
        video: its frames are not decoded.
        group: an ``h5py.Group`` without contents.
    """
    columns = {key: getattr(video, key) for key in set(video.keys()) - {"frames"}}
    domain = video.domain
    empty = len(domain) == 0
    plain = video._series_class(
        **columns,
        timekeys=list(video._timekeys),
        domain=type(domain)(0.0, 0.0) if empty else domain,
    )
    plain.to_hdf5(group)
    if empty:  # the host cannot write one, and reads it well
        del group["domain"]
        domain.to_hdf5(group.create_group("domain"))
    source, base = video._source, _file_path(group)
    group.attrs["backend"] = BACKEND_NAME
    group.attrs["uri"] = relative_uri(video.uri, base)
    group.attrs["origin"] = video._origin
    group.attrs["edge"] = video._edge
    group.attrs["options"] = json.dumps(
        {
            "resize": source.output.resize,
            "colorspace": source.output.colorspace,
            "channel_format": source.output.channel_format,
            "on_error": source.on_error,
            "threads": source.threads,
        }
    )
    group.attrs["parts"] = json.dumps(
        [
            {
                "uri": relative_uri(part.uri, base),
                "further_uris": [relative_uri(uri, base) for uri in part.further_uris],
                "index_uri": part.place.index_uri
                and relative_uri(part.place.index_uri, base),
                "frames": part.to_save.frame_counts,
                "fingerprints": [f and astuple(f) for f in part.to_save.fingerprints],
                "index_id": part.to_save.index_id,
                "clock": part.to_save.clock,
            }
            for part in source.parts
        ]
    )


def read_pointer(video_class: type[VideoSeries], group: Any, lazy: bool) -> VideoSeries:
    r"""Returns the video that a group points to, without looking for it yet.

    Args:
        video_class: the class of the host.
        group: written by :func:`write_pointer`.
        lazy: leave the timestamps in the file until they are needed.

    Raises:
        FrameIndexError: if the attributes make no sense.
        SourceError: if they lead to another scheme than that of the HDF5 file.
    """
    base = _file_path(group)
    try:
        options = json.loads(group.attrs["options"])
        resize = options["resize"]
        output = checked_output(
            tuple(resize) if resize else None,
            options["colorspace"],
            options["channel_format"],
        )
        check_choice("on_error", options["on_error"], ("raise", "mask"))
        parts = tuple(_read_part(part, base) for part in json.loads(group.attrs["parts"]))
        if not parts:
            raise ValueError("it names no file")
        threads = checked_threads(options["threads"])
        source = VideoSource(parts, output, options["on_error"], threads)
        _check_columns(group)
        timekeys = group.attrs["timekeys"].astype(str).tolist()
        origin, edge = float(group.attrs["origin"]), float(group.attrs["edge"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FrameIndexError(
            f"the video {group.name!r} in {base!r} is damaged ({error!r}); make it anew "
            f"with LazyVideo.from_uri and save the recording again."
        ) from error

    def column(name: str) -> Any:
        if lazy and os.path.isfile(base):
            return LazyColumn(FromHdf5(base, f"{group.name}/{name}"))
        return group[name][:]

    video = video_class.__new__(video_class)
    video._set_columns(source, column("timestamps"), column("frame_indices"))
    video._timekeys = timekeys
    video._origin, video._edge = origin, edge
    video._domain = video._interval_class.from_hdf5(group["domain"])
    own = {"timestamps", "frame_indices", "timestamp_indices_1s", "domain"}
    for name in set(group) - own:
        setattr(video, name, group[name][:])
    return video


def _check_columns(group: Any) -> None:
    # By their description alone, which reads none of their contents.
    times, numbers = group["timestamps"], group["frame_indices"]
    if not (
        times.shape == numbers.shape
        and len(times.shape) == 1
        and times.dtype.kind == "f"
        and numbers.dtype.kind in "iu"
    ):
        raise ValueError(
            f"its timestamps are {times.dtype} of shape {times.shape}, and its "
            f"frame_indices {numbers.dtype} of shape {numbers.shape}"
        )


def _read_part(part: dict[str, Any], base: str) -> VideoPart:
    index_uri = part["index_uri"]
    told = [part["uri"], *part["further_uris"], *([index_uri] if index_uri else [])]
    if not all(isinstance(uri, str) for uri in told):
        raise TypeError(f"its uris are {told}")
    uris = [resolve_uri(uri, base) for uri in told]
    for uri in uris:
        check_scheme(uri, base)
    files = tuple(uris[: 1 + len(part["further_uris"])])
    place = VideoPlace(files, index_uri=uris[-1] if index_uri else None)
    return VideoPart(place, saved=_read_saved(part, base))


def _read_saved(part: dict[str, Any], base: str) -> SavedVideo:
    # What recordings of older versions don't say of their video is not compared.
    counts, files = part["frames"], part.get("fingerprints", [])
    saved = SavedVideo(
        base,
        tuple(counts),
        tuple(f and Fingerprint(*f) for f in files),
        part.get("index_id", ""),
        part.get("clock", ""),
    )
    known = [f for f in saved.fingerprints if f is not None]
    numbers = [*saved.frame_counts, *(f.size for f in known)]
    texts = [saved.index_id, saved.clock, *(t for f in known for t in (f.etag, f.digest))]
    if not (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and len(saved.fingerprints) in (0, len(saved.frame_counts))
    ):
        raise ValueError(f"its video is said to be {saved}")
    return saved


def _file_path(group: Any) -> str:
    name = group.file.filename
    return normalize_uri(name.decode() if isinstance(name, bytes) else name)
