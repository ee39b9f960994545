r"""Reads what an ``ImageSeries`` says about its external files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .._base.uris import (
    check_scheme,
    file_name,
    is_windows_path,
    normalize_uri,
    protocol_of,
    resolve_uri,
    shown_uri,
)
from .._base.user_warnings import warn_user
from .._plugin.manager import resolve_store
from ..errors import IndexWarning
from ..types import ObjectStore

T = TypeVar("T")


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
        nwb_path: path or url of the NWB file; ``""`` where it is not known.
    """

    name: str
    uris: tuple[str, ...]
    starts: tuple[int, ...]
    timestamps: np.ndarray | None
    rate: float | None
    starting_time: float
    frames: int | None
    nwb_path: str = ""


def read_series(
    source: Any,
    name: str | None = None,
    *,
    nwb_path: str | os.PathLike[str] | None = None,
    store: ObjectStore | None = None,
) -> ExternalVideo:
    r"""Returns what an ``ImageSeries`` says about its files.

    A file of another machine, or one that isn't where the series says, is taken from beside
    the NWB file if one of that name is there, with a warning.

    Args:
        source: path or url of an NWB file, or a ``pynwb.image.ImageSeries``.
        name: of the series in the file; needed where it has several with external files.
        nwb_path: path or url of the NWB file, for a series of a file that was streamed.
        store: reads an NWB file that is not of this machine; found by its uri by default.

    Raises:
        ValueError: if there is no such series, or what it says makes no sense.
        OSError: if there is no file, or it cannot be opened.
    """
    if isinstance(source, ExternalVideo):
        return source
    if not isinstance(source, (str, os.PathLike)):
        return _describe(source, _base_of(source, nwb_path))
    return _with_file(source, store, lambda objects, path: _named(objects, name, path))


def read_every_series(
    source: str | os.PathLike[str], store: ObjectStore | None = None
) -> list[ExternalVideo]:
    r"""Returns what all ``ImageSeries`` of a file that have external files say of them.

    Args:
        source: path or url of an NWB file.
        store: as for :func:`read_series`.

    Raises:
        ValueError: if there is none, or what one says makes no sense.
        OSError: if there is no file, or it cannot be opened.
    """

    def describe(objects: Sequence[Any], path: str) -> list[ExternalVideo]:
        found = _with_files(objects)
        if not found:
            raise ValueError(f"{shown_uri(path)!r} has no ImageSeries with external files.")
        return [_describe(series, path) for series in found]

    return _with_file(source, store, describe)


def _with_file(
    source: str | os.PathLike[str],
    store: ObjectStore | None,
    ask: Callable[[Sequence[Any], str], T],
) -> T:
    # What is asked of the objects of an NWB file, while it is open.
    import h5py

    path = normalize_uri(source)
    shown = shown_uri(path)
    pynwb = load_pynwb()
    with ExitStack() as stack:
        if protocol_of(path):
            opened = stack.enter_context((store or resolve_store(path)).open(path))
        else:
            # A file that cannot be opened raises an OSError.
            opened = stack.enter_context(open(path, "rb"))
        try:
            file = path if not protocol_of(path) else h5py.File(opened, "r")
            options = {"path": file} if isinstance(file, str) else {"file": file}
            io = pynwb.NWBHDF5IO(**options, mode="r", load_namespaces=True)
        except Exception as error:  # a damaged file makes its library raise anything
            raise ValueError(f"{shown!r} is no NWB file: {error}") from error
        stack.enter_context(io)
        try:
            objects = list(io.read().objects.values())
        except Exception as error:
            raise ValueError(f"{shown!r} cannot be read as NWB: {error}") from error
        return ask(objects, path)


def _with_files(objects: Sequence[Any]) -> list[Any]:
    series_class = load_pynwb().image.ImageSeries
    return [
        item
        for item in objects
        if isinstance(item, series_class) and item.external_file is not None
    ]


def _named(objects: Sequence[Any], name: str | None, path: str) -> ExternalVideo:
    found = _with_files(objects)
    names = ", ".join(sorted(repr(item.name) for item in found)) or "none"
    chosen = [item for item in found if name is None or item.name == name]
    if len(chosen) == 1:
        return _describe(chosen[0], path)
    expected = "an ImageSeries" if name is None else f"one ImageSeries {name!r}"
    raise ValueError(
        f"{shown_uri(path)!r} should have {expected} with external files, and has "
        f"{len(chosen)}; the file holds: {names}."
    )


def _base_of(series: Any, nwb_path: str | os.PathLike[str] | None) -> str:
    if nwb_path is not None:
        return normalize_uri(nwb_path)
    origin = getattr(series, "container_source", None) or ""
    # A file that was streamed leaves the name of a Python object there.
    return origin if protocol_of(origin) or os.path.isfile(origin) else ""


def _describe(series: Any, nwb_path: str) -> ExternalVideo:
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
    uris = _places(series, files, nwb_path, what)
    for uri in uris:
        check_scheme(uri, nwb_path or uri)
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
        nwb_path=nwb_path,
    )


def _places(series: Any, files: Sequence[str], nwb_path: str, what: str) -> list[str]:
    # Where the files are that a series names.
    if not nwb_path:
        streamed = getattr(series, "container_source", None) is not None
        relative = [f for f in files if not (protocol_of(f) or os.path.isabs(f))]
        if relative and streamed:
            raise ValueError(
                f"{what} names {relative[0]!r}, which counts from its NWB file, and the "
                f"series does not say where that is; pass nwb_path=... with its path or "
                f"url."
            )
        return [file if _is_foreign(file) else normalize_uri(file) for file in files]
    uris, taken = [], []
    for file in files:
        uri = _place(file, nwb_path)
        beside = resolve_uri(file_name(file), nwb_path)
        if _is_elsewhere(uri, nwb_path) and (protocol_of(beside) or os.path.isfile(beside)):
            taken.append((file, beside))
            uri = beside
        uris.append(uri)
    if taken:
        more = f" and {len(taken) - 1} more" if taken[1:] else ""
        warn_user(
            f"{what} names {taken[0][0]!r}{more}, which is not on this machine. "
            f"{shown_uri(taken[0][1])!r}, beside the NWB file, is taken for it by its name "
            f"alone; look at a frame whose time you know.",
            IndexWarning,
        )
    return uris


def _is_foreign(file: str) -> bool:
    return is_windows_path(file) and os.sep != "\\"


def _place(file: str, nwb_path: str) -> str:
    if protocol_of(file) or _is_foreign(file):
        return file
    # NWB files that were written on Windows name their videos with backslashes.
    local = file if os.sep == "\\" else file.replace("\\", "/")
    return normalize_uri(resolve_uri(local, nwb_path))


def _is_elsewhere(uri: str, nwb_path: str) -> bool:
    # A path in a file that was streamed is of the machine that wrote it.
    if protocol_of(uri):
        return False
    return bool(protocol_of(nwb_path)) or not os.path.isfile(uri)


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
