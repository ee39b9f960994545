r"""Reads what an ``ImageSeries`` says about its external files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.uris import check_scheme, normalize_uri, resolve_uri


@dataclass(frozen=True, eq=False)
class ExternalVideo:
    r"""What an ``ImageSeries`` says about its files.

    Args:
        name: of the series.
        uris: the files in their order.
        starts: number of the first frame of each file within the series.
        timestamps: seconds of each frame of the series, float64 of shape (n,); or
            :obj:`None` where ``rate`` gives the times.
        rate: frames per second.
        starting_time: seconds of the first frame, with ``rate``.
        frames: number of frames of the series; :obj:`None` where NWB does not say it.
    """

    name: str
    uris: tuple[str, ...]
    starts: tuple[int, ...]
    timestamps: np.ndarray | None
    rate: float | None
    starting_time: float
    frames: int | None


def read_series(source: Any, name: str | None = None) -> ExternalVideo:
    r"""Returns what an ``ImageSeries`` says about its files.

    Args:
        source: path of an NWB file, or a ``pynwb.image.ImageSeries``.
        name: of the series in the file; needed where it has several with external files.

    Raises:
        ValueError: if there is no such series, or what it says makes no sense.
        OSError: if there is no file, or it cannot be opened.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _describe(source, getattr(source, "container_source", None))
    path = normalize_uri(source)
    with open(path, "rb"):  # a file that cannot be opened raises an OSError
        pass
    pynwb = load_pynwb()
    try:
        io = pynwb.NWBHDF5IO(path, "r", load_namespaces=True)
    except Exception as error:  # a damaged file makes its library raise anything
        raise ValueError(f"{path!r} is no NWB file: {error}") from error
    with io:
        try:
            objects = list(io.read().objects.values())
        except Exception as error:
            raise ValueError(f"{path!r} cannot be read as NWB: {error}") from error
        return _describe(_find_series(objects, name, path), path)


def _find_series(objects: Sequence[Any], name: str | None, path: str) -> Any:
    series_class = load_pynwb().image.ImageSeries
    found = [
        item
        for item in objects
        if isinstance(item, series_class) and item.external_file is not None
    ]
    names = ", ".join(sorted(repr(item.name) for item in found)) or "none"
    chosen = [item for item in found if name is None or item.name == name]
    if len(chosen) == 1:
        return chosen[0]
    expected = "an ImageSeries" if name is None else f"one ImageSeries {name!r}"
    raise ValueError(
        f"{path!r} should have {expected} with external files, and has {len(chosen)}; "
        f"the file holds: {names}."
    )


def _describe(series: Any, nwb_path: str | None) -> ExternalVideo:
    name = getattr(series, "name", None)
    if getattr(series, "external_file", None) is None:
        raise ValueError(
            f"source must be the path of an NWB file or an ImageSeries with external_file, "
            f"got {type(series).__name__} {name!r}."
        )
    what = f"ImageSeries {name!r}"
    files = [f.decode() if isinstance(f, bytes) else str(f) for f in series.external_file]
    if not files or not all(files):
        raise ValueError(f"{what} names no external file.")
    base = nwb_path and normalize_uri(nwb_path)
    uris = [normalize_uri(resolve_uri(_local(f), base) if base else f) for f in files]
    for uri in uris:
        check_scheme(uri, base or uri)
    numbers = series.starting_frame
    starts = [0] if numbers is None and len(files) == 1 else _whole(numbers, what)
    if len(starts) != len(files) or starts[:1] != [0] or sorted(set(starts)) != starts:
        raise ValueError(
            f"{what} has the starting_frame {starts} for {len(files)} files; it needs one "
            f"number per file, starting at 0 and increasing."
        )
    times = None
    if series.timestamps is not None:
        times = np.array(series.timestamps, np.float64)
        if times.ndim != 1:
            raise ValueError(f"{what} has timestamps of shape {times.shape}.")
    rate = None if series.rate is None else float(series.rate)
    if times is None and not (rate and rate > 0 and np.isfinite(rate)):
        raise ValueError(f"{what} has neither timestamps nor a rate above 0.")
    frames = None if times is None else len(times)
    if times is None and knows_num_samples(series):
        frames = series.num_samples
    if frames is not None and frames < starts[-1]:
        raise ValueError(
            f"{what} has {frames} frames, and its last file starts at frame {starts[-1]}."
        )
    return ExternalVideo(
        name=str(name),
        uris=tuple(uris),
        starts=tuple(starts),
        timestamps=times,
        rate=rate,
        starting_time=float(series.starting_time or 0.0),
        frames=None if frames is None else int(frames),
    )


def _local(file: str) -> str:
    # NWB files that were written on Windows name their videos with backslashes.
    return file if os.sep == "\\" or "://" in file else file.replace("\\", "/")


def _whole(numbers: Any, what: str) -> list[int]:
    try:
        return [int(number) for number in numbers]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} has no starting_frame for its files.") from error


def knows_num_samples(series: Any) -> bool:
    r"""Returns whether a series, or the class, keeps the number of its frames.

    From pynwb 4 on, a series with a rate must keep it. Before, the name meant the length
    of ``data``.
    """
    return "num_samples" in getattr(series, "__nwbfields__", ())


def load_pynwb() -> Any:
    r"""Returns the ``pynwb`` package, or says how to install it."""
    try:
        import pynwb
        import pynwb.image
    except ImportError as error:
        raise ImportError(
            "NWB files need pynwb: pip install 'temporaldata-video[nwb]'"
        ) from error
    return pynwb
