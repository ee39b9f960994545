r"""How ``temporaldata-video index`` treats several videos: a clock for each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from .._base.uris import normalize_uri, protocol_of
from .._clock.clock import Clock
from .._plugin.place import locate
from .._tools.index_many import index_many
from .several import pool_of, tell

STEM, FOLDER = "{stem}", "{folder}"


def fill_in(
    uri: str, clock: Clock, pose: Path | None, index_uri: str | None
) -> tuple[Clock, Path | None, str | None]:
    r"""Returns the options for one file, with its name in place of ``{stem}``, and its
    folder in place of ``{folder}``.

    Args:
        uri: the file.
        clock: as the options describe it.
        pose: a pose table.
        index_uri: where the sidecar goes.
    """
    filled: dict[str, Any] = {
        name: _filled(uri, value)
        for name in ("source", "sync", "pulses", "frame_counter", "lost_frames")
        if _is_pattern(value := getattr(clock, name))
    }
    return (
        replace(clock, **filled) if filled else clock,
        Path(of_video(uri, pose)) if _is_pattern(pose) else pose,
        of_video(uri, index_uri) if _is_pattern(index_uri) else index_uri,
    )


def _filled(uri: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_filled(uri, part) for part in value)
    if isinstance(value, Clock):
        return replace(value, source=_filled(uri, value.source))
    return of_video(uri, value) if _is_pattern(value) else value


def _is_pattern(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_pattern, value))
    if isinstance(value, Clock):
        return _is_pattern(value.source)
    if not isinstance(value, (str, os.PathLike)):
        return False
    return STEM in os.fspath(value) or FOLDER in os.fspath(value)


def of_video(uri: str, pattern: Any) -> str:
    r"""Returns a path with a file's name in place of ``{stem}``, and its folder in place
    of ``{folder}``; it counts from that folder.

    Args:
        uri: the file.
        pattern: the path.
    """
    folder, name = os.path.split(normalize_uri(uri))
    path = os.fspath(pattern).replace(STEM, os.path.splitext(name)[0])
    path = path.replace(FOLDER, folder)
    if protocol_of(path) or os.path.isabs(path):
        return path
    return f"{folder}/{path}"


def clocks_for(uris: Sequence[str], clock: Clock, starts: Sequence[float]) -> Any:
    r"""Returns the ``timestamps`` of a video: a clock for all of its files, or a list with
    one for each; :obj:`None` for the containers' own.

    Args:
        uris: the files of the video.
        clock: as the options describe it, for any file.
        starts: when each clock begins; none, or one for all.

    Raises:
        typer.BadParameter: if there are more or fewer starts than clocks.
    """
    if clock.is_container and not starts:
        return None
    clocks: list[Clock] = []
    for uri in uris:
        own = fill_in(uri, clock, None, None)[0]
        before = clocks[-1] if clocks else None
        # Files in a row whose times are in one place share these.
        shared = before is not None and all(
            getattr(own, name) == getattr(before, name)
            for name in ("source", "sync", "pulses", "lost_frames")
        )
        clocks.append(before if before is not None and shared else own)
    if len(starts) > 1 and clock.source is None:
        clocks = [replace(own) for own in clocks]
    different = list({id(own): own for own in clocks}.values())
    if len(starts) > 1 and len(starts) != len(different):
        raise typer.BadParameter(
            f"--start names {len(starts)} times for {len(different)} clocks of "
            f"{len(uris)} files; give one for each clock, or one for all."
        )
    if len(starts) > 1:
        begun = {id(own): replace(own, start=s) for own, s in zip(different, starts)}
        clocks = [begun[id(own)] for own in clocks]
    return clocks[0] if len(different) == 1 else clocks


def index_several(
    files: list[str],
    options: dict[str, Any],
    workers: int,
    dask: str | None,
    quiet: bool,
    as_json: bool = False,
) -> None:
    r"""Indexes videos and prints what became of each.

    Args:
        files: the videos.
        options: of :func:`~temporaldata_video.index_many`.
        workers: number of processes.
        dask: address of a Dask scheduler.
        quiet: print nothing but errors.
        as_json: print one line of JSON for each video instead of a table.

    Raises:
        VideoError: if one could not be indexed.
    """
    for name, value in (("--index-uri", options["index_uri"]), ("--pose", options["pose"])):
        if value and not _is_pattern(value):
            raise typer.BadParameter(
                f"{name} is for one video; there are several FILEs. Use a pattern such as "
                f"'{STEM}.h5'."
            )
    clock, pose, place = options["timestamps"], options["pose"], options["index_uri"]
    options |= {
        "timestamps": lambda uri: clocks_for(locate(uri).uris, clock, ()),
        "pose": lambda uri: fill_in(locate(uri).uri, clock, pose, None)[1],
        "index_uri": lambda uri: fill_in(locate(uri).uri, clock, None, place)[2],
    }
    with pool_of(workers, dask) as executor:
        summary = index_many(files, executor=executor, **options)
    tell(files, summary, "index", quiet, as_json)
