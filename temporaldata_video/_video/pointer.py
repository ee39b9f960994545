r"""The attributes of an HDF5 group by which a recording points to its video."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple, get_args

import numpy as np

from .._base.uris import (
    check_scheme,
    normalize_uri,
    relative_uri,
    resolve_uri,
    shown_uri,
)
from .._clock.pauses import decode_pace, encode_pace
from .._plugin.place import VideoPlace
from ..errors import FrameIndexError, SourceError, VideoError
from ..types import Fingerprint, ProxyUse
from .arguments import check_choice, checked_output, checked_threads
from .lazy_arrays import LazyColumn
from .moved import look_beside
from .part import VideoPart
from .recording import Recording
from .saved import SavedVideo
from .saved_metadata import decode_metadata, encode_metadata

BACKEND_NAME = "MP4_INDEX"


@dataclass(frozen=True, eq=False)
class FromHdf5:
    r"""Loads a dataset of an HDF5 file, and opens the file anew for that.

    Args:
        path: the file.
        dataset: name of the dataset in it.
    """

    path: str
    dataset: str

    def __call__(self) -> np.ndarray:
        import h5py

        with h5py.File(self.path, "r") as file:
            return file[self.dataset][:]


class Pointer(NamedTuple):
    r"""A window of a recording, as an HDF5 group describes it.

    Args:
        recording: the recording of the window.
        timestamps: seconds, float64 of shape (n,), or a :class:`LazyColumn` of them.
        frame_indices: frame numbers, int64 of shape (n,), or a :class:`LazyColumn`.
        timekeys: the columns that count from the origin.
        origin: seconds in the recording at which the window counts from 0.
        edge: where the window begins, in its own seconds.
        has_holes: whether it has times at which no frame is shown.
        metadata: what was kept of it.
    """

    recording: Recording
    timestamps: np.ndarray | LazyColumn
    frame_indices: np.ndarray | LazyColumn
    timekeys: list[str]
    origin: float
    edge: float
    has_holes: bool
    metadata: Any


def write_pointer(
    group: Any,
    recording: Recording,
    origin: float,
    edge: float,
    has_holes: bool,
    metadata: Any,
) -> None:
    r"""Makes an HDF5 group point to a video.

    Args:
        group: an ``h5py.Group``, which holds the window as a plain series.
        recording: the recording of the window.
        origin: seconds in the recording at which the window counts from 0.
        edge: where the window begins, in its own seconds.
        has_holes: whether it has times at which no frame is shown.
        metadata: kept as far as JSON can say it, with a warning of the rest.
    """
    group.attrs["backend"] = BACKEND_NAME
    group.attrs["origin"] = origin
    group.attrs["edge"] = edge
    group.attrs["has_holes"] = has_holes
    group.attrs["metadata"] = encode_metadata(metadata, shown_uri(recording.parts[0].uri))
    group.attrs["options"] = json.dumps(
        {
            "resize": recording.output.resize,
            "colorspace": recording.output.colorspace,
            "channel_format": recording.output.channel_format,
            "dtype": recording.output.dtype,
            "on_error": recording.on_error,
            "threads": recording.threads,
            "proxy": recording.proxy,
        }
    )
    files = [VideoPlace(p.file_uris, index_uri=p.place.index_uri) for p in recording.parts]
    write_parts(group, [(f, p.to_save) for f, p in zip(files, recording.parts)])


def write_parts(group: Any, parts: Sequence[tuple[VideoPlace, SavedVideo]]) -> None:
    r"""Writes which files a group points to, relative to the recording where possible.

    Args:
        group: an ``h5py.Group``.
        parts: where each part of the recording is, and what is to be known of it.
    """
    base = _file_path(group)
    for uri in (uri for place, _ in parts for uri in (*place.uris, place.index_uri or "")):
        if not uri.isascii() and uri != uri.encode("utf-8", "replace").decode():
            raise SourceError(
                f"a recording cannot point to {uri!r}, since the name is no UTF-8. Rename "
                f"the video."
            )
    group.attrs["uri"] = relative_uri(parts[0][0].uri, base)
    group.attrs["parts"] = json.dumps(
        [
            {
                "uri": relative_uri(place.uri, base),
                "further_uris": [relative_uri(uri, base) for uri in place.uris[1:]],
                "index_uri": place.index_uri and relative_uri(place.index_uri, base),
                "frames": saved.frame_counts,
                "fingerprints": [f and astuple(f) for f in saved.fingerprints],
                "index_id": saved.index_id,
                "clock": saved.clock,
                "pace": saved.pace and encode_pace(saved.pace),
            }
            for place, saved in parts
        ]
    )


def video_groups(file: Any) -> list[str]:
    r"""Returns the names of all groups of a recording that point to a video.

    Args:
        file: an ``h5py.File``.
    """
    import h5py

    names: list[str] = []

    def visit(name: str, item: Any) -> None:
        is_video = isinstance(item, h5py.Group) and "parts" in item.attrs
        if is_video and item.attrs.get("backend") == BACKEND_NAME:
            names.append(f"/{name}")

    file.visititems(visit)
    return names


def read_parts(group: Any) -> list[VideoPart]:
    r"""Returns what a group points to, as it is written there.

    Args:
        group: written by :func:`write_pointer`.

    Raises:
        FrameIndexError: if the attributes make no sense.
    """
    base = _file_path(group)
    try:
        parts = [_read_part(part, base) for part in json.loads(group.attrs["parts"])]
        if not parts:
            raise ValueError("it names no file")
    except VideoError:
        raise
    except _DAMAGES as error:
        raise _damaged(group, error) from error
    return parts


def read_pointer(group: Any, lazy: bool) -> Pointer:
    r"""Returns what a group points to.

    Its index is not looked for yet. A file of this machine that isn't there is looked for
    beside the recording, under the same name and with the same contents.

    Args:
        group: written by :func:`write_pointer`.
        lazy: leave timestamps and frame numbers in the file until they are needed.

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
            options.get("dtype", "uint8"),  # older recordings have no other
        )
        check_choice("on_error", options["on_error"], ("raise", "mask"))
        parts = tuple(map(look_beside, _followed(read_parts(group), base)))
        threads = checked_threads(options["threads"])
        proxy = options.get("proxy")
        if proxy is not None:
            check_choice("proxy", proxy, get_args(ProxyUse))
        recording = Recording(parts, output, options["on_error"], threads, proxy)
        _check_plain_series(group)
        _check_columns(group)
        timekeys = group.attrs["timekeys"].astype(str).tolist()
        origin, edge = float(group.attrs["origin"]), float(group.attrs["edge"])
        has_holes = bool(group.attrs.get("has_holes", False))
        metadata = decode_metadata(group.attrs.get("metadata", ""))
    except VideoError:
        raise
    except _DAMAGES as error:
        raise _damaged(group, error) from error

    def column(name: str) -> Any:
        if lazy and os.path.isfile(base):
            return LazyColumn(FromHdf5(base, f"{group.name}/{name}"))
        return group[name][:]

    times, frames = column("timestamps"), column("frame_indices")
    return Pointer(recording, times, frames, timekeys, origin, edge, has_holes, metadata)


# Links of a file that lead nowhere are a RuntimeError or an OSError of h5py.
_DAMAGES = (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OSError)


def _damaged(group: Any, error: Exception) -> FrameIndexError:
    return FrameIndexError(
        f"the video {group.name!r} in {_file_path(group)!r} is damaged ({error!r}); make "
        f"it anew with LazyVideo.from_uri and save the recording again."
    )


def _followed(parts: Sequence[VideoPart], base: str) -> Sequence[VideoPart]:
    for part in parts:
        index_uri = part.place.index_uri
        for uri in (*part.place.uris, *([index_uri] if index_uri else [])):
            check_scheme(uri, base)
    return parts


def _check_columns(group: Any) -> None:
    # This looks at their description alone, and reads none of their contents.
    for name in ("timestamps", "frame_indices"):
        _check_storage(group, name)
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


def _check_storage(group: Any, name: str) -> None:
    # HDF5 takes bytes from any file that a file names: /dev/zero, or one of somebody else.
    import h5py

    column = group[name]
    if (
        not isinstance(group.get(name, getlink=True), h5py.HardLink)
        or column.external
        or column.is_virtual
    ):
        raise ValueError(f"its {name} lie in another file")
    if column.size and not column.id.get_storage_size():
        raise ValueError(f"its {name} were never written")


def _check_plain_series(group: Any) -> None:
    # The host reads the group itself, too.
    if str(group.attrs["object"]) != "IrregularTimeSeries":
        raise ValueError(f"it is a {group.attrs['object']}")
    group.attrs["_unicode_keys"].astype(str)


def _read_part(part: dict[str, Any], base: str) -> VideoPart:
    index_uri = part["index_uri"]
    uris = [part["uri"], *part["further_uris"], *([index_uri] if index_uri else [])]
    if not all(isinstance(uri, str) for uri in uris):
        raise TypeError(f"its uris are {uris}")
    if any("\0" in uri for uri in uris):  # no system has such names
        raise ValueError(f"its uris are {uris}")
    uris = [resolve_uri(uri, base) for uri in uris]
    files = tuple(uris[: 1 + len(part["further_uris"])])
    place = VideoPlace(files, index_uri=uris[-1] if index_uri else None)
    return VideoPart(place, saved=_read_saved(part, base))


def _read_saved(part: dict[str, Any], base: str) -> SavedVideo:
    # Facts that recordings of older versions don't hold are not compared.
    counts, files = part["frames"], part.get("fingerprints", [])
    pace = part.get("pace")
    saved = SavedVideo(
        base,
        tuple(counts),
        tuple(f and Fingerprint(*f) for f in files),
        part.get("index_id", ""),
        part.get("clock", ""),
        None if pace is None else decode_pace(pace),
    )
    fingerprints = [f for f in saved.fingerprints if f is not None]
    numbers = [*saved.frame_counts, *(f.size for f in fingerprints)]
    texts = [
        saved.index_id,
        saved.clock,
        *(t for f in fingerprints for t in (f.etag, f.digest)),
    ]
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
