r"""Writes a video into NWB: an ``ImageSeries`` that points to its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._base.uris import normalize_uri, relative_uri
from .._video.recording import Recording
from ..hosts.temporaldata import LazyVideo
from ._image_series import knows_num_samples, load_pynwb

# Times that differ by less from those of a constant rate were rounded by the container.
_RATE_TOLERANCE_SECONDS = 1e-3


def image_series(
    video: LazyVideo,
    name: str,
    *,
    nwb_path: str | os.PathLike[str] | None = None,
    rate: float | None = None,
    **fields: Any,
) -> Any:
    r"""Returns an ``ImageSeries`` that points to the files of a video.

    Args:
        video: a whole video, not a window of one.
        name: of the series.
        nwb_path: where the NWB file will lie; the series then names files relative to it
            where possible.
        rate: write frames per second and a starting time in place of timestamps. The
            times must be those of this rate, to a millisecond.
        **fields: further fields of the series, such as ``description`` and ``device``.

    Returns:
        A ``pynwb.image.ImageSeries`` that isn't in a file yet.

    Raises:
        ValueError: if NWB cannot express the video: a window, frames without a time, or,
            with ``rate``, a gap between files or any other step that is not 1 / rate.
    """
    image = load_pynwb().image
    recording = video._recording
    times = recording.timestamps
    untimed = np.flatnonzero(np.isnan(times))
    if len(untimed):
        raise ValueError(
            f"frame {untimed[0]} of {video.uri!r} and {len(untimed) - 1} more have no "
            f"time, which NWB cannot express: every frame of an ImageSeries has one."
        )
    if len(video) != len(times) or video._origin != 0:
        raise ValueError(
            f"an ImageSeries points to whole files, and this is a window of {len(video)} "
            f"of {len(times)} frames of {video.uri!r}; pass the whole video."
        )
    uris, counts = _files_of(recording)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    timing: dict[str, Any] = {"timestamps": np.array(times)}
    if rate is not None:
        _check_rate(times, rate, starts, uris)
        timing = {"starting_time": float(times[0]), "rate": float(rate)}
        if knows_num_samples(image.ImageSeries):
            timing["num_samples"] = len(times)
    if nwb_path is not None:
        uris = [relative_uri(uri, normalize_uri(nwb_path)) for uri in uris]
    height, width = recording.files[0][0].packets.stream.display_size
    return image.ImageSeries(
        name=name,
        format="external",
        external_file=uris,
        starting_frame=starts.tolist(),
        **{"dimension": [width, height], "unit": "n.a.", **timing, **fields},
    )


def _files_of(recording: Recording) -> tuple[list[str], list[int]]:
    uris: list[str] = []
    counts: list[int] = []
    for (file, _), count in zip(recording.files, recording.frame_counts.tolist()):
        if uris and uris[-1] == file.uri:  # segments of the index, not of the files
            counts[-1] += count
        else:
            uris.append(file.uri)
            counts.append(count)
    return uris, counts


def _check_rate(
    times: np.ndarray, rate: float, starts: np.ndarray, uris: Sequence[str]
) -> None:
    if not rate > 0 or not np.isfinite(rate):
        raise ValueError(
            f"rate must be a positive number of frames per second, got {rate}."
        )
    if len(times) == 0:
        raise ValueError("a video without frames has no starting time.")
    off = np.abs(times - (times[0] + np.arange(len(times)) / rate))
    wrong = np.flatnonzero(off > _RATE_TOLERANCE_SECONDS)
    if len(wrong) == 0:
        return
    frame = int(wrong[0])
    if frame in starts:
        file = int(np.flatnonzero(starts == frame)[0])
        gap = times[frame] - times[frame - 1] - 1 / rate
        raise ValueError(
            f"there is a gap of {gap:.6g} s between {uris[file - 1]!r} and {uris[file]!r}, "
            f"which NWB cannot express by a rate and one starting time: frames of one "
            f"ImageSeries follow each other. Leave rate out to write timestamps, or make "
            f"one series per file."
        )
    raise ValueError(
        f"frame {frame} is {1e3 * off[frame]:.3f} ms off a rate of {rate} frames/s, which "
        f"NWB cannot express; leave rate out to write timestamps."
    )
