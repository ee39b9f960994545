r"""Runs all checks of a video."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..._base.progress import progress_bar
from ..._base.uris import file_name
from ..._build.file_index import build_segment
from ..._build.memory_build import pts_tables
from ..._bytes.fetch import ranged
from ..._clock.clock_facts import clock_facts
from ..._clock.faults import examine
from ..._clock.file_clocks import (
    FileClock,
    PtsTable,
    read_file_clocks,
    report_file_clocks,
)
from ..._clock.fit import container_clock, times_by_frame, unbelievable
from ..._decode.read_file import VideoFile
from ..._index.memory_index import MemoryFrameIndex
from ..._index.streams import read_container_facts
from ..._plugin.place import VideoPlace, locate
from ..._video.part import VideoPart
from ..._video.recording import Recording
from ...errors import ClockError, DecodeError, IndexWarning, SourceError
from ...types import FrameIndex, ObjectStore
from .checksums import check_checksums
from .clock_findings import check_clock, refused_clock
from .container_findings import check_container
from .decoding_findings import (
    check_all_frames,
    check_decoder,
    check_key_frames,
    first_appearance,
)
from .depth_findings import check_depth
from .encoding_findings import check_encoding, check_groups
from .finding import CheckReport, Finding, Severity
from .sidecar_findings import (
    check_fit,
    check_frame_count,
    check_positions,
    open_sidecar,
    segment_files,
)
from .subject import CheckedClock, CheckedFile


def check_video(
    uri: str | os.PathLike[str],
    *,
    timestamps: Any = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    decode: bool = False,
    checksums: bool = False,
    progress: bool = False,
) -> CheckReport:
    r"""Finds everything about a video that will hurt, and says what mends it.

    The files are indexed anew and compared with the index that lies beside them. Nothing
    is written.

    Args:
        uri: the video, or its first file.
        timestamps: check the video with this clock instead of that of its index; as for
            :func:`~temporaldata_video.write_index`.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the index lies; beside the video by default.
        decode: decode every frame, twice: in sequence, and from each key frame alone.
            Otherwise a few key frames are tried.
        checksums: decode every frame, and compare it with the checksum that an index made
            with ``verify=True`` keeps.
        progress: show a progress bar while everything is decoded.

    Returns:
        All that was found, the worst first. A file that cannot be read is a finding too.

    Raises:
        ValueError: if ``timestamps`` cannot be read.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=600, gop=250)
        >>> print(tv.check_video(clip).findings[0].remedy)
        temporaldata-video index clip.mp4 --timestamps TIMES (leave --timestamps out ...
    """
    name = os.fspath(uri)
    place = locate(uri, store=store, storage_options=storage_options, index_uri=index_uri)
    uri, store = place.uri, place.reader
    findings: list[Finding] = []
    files: list[CheckedFile] = []
    try:
        files.append(_open_file(name, uri, store))
        index, findings = open_sidecar(name, place)
        uris = [*place.uris]
        if index is not None and len(uris) == 1:
            uris = segment_files(index, uri, store)
        files += [_open_file(further, further, store) for further in uris[1:]]
        clocks = read_file_clocks(timestamps, len(files))
        findings += _check(files, index, clocks, name, uri, store, decode, progress)
        if checksums and index is not None:
            findings += check_checksums(index, files, name, uri, progress)
    except SourceError as error:
        findings.append(_unreadable(str(error), uri))
    return CheckReport(
        uri=uri,
        frames=sum(len(file.index) for file in files),
        decoded=decode,
        findings=tuple(sorted(findings, key=lambda f: -f.severity)),
    )


def _check(
    files: Sequence[CheckedFile],
    index: FrameIndex | None,
    clocks: Sequence[FileClock],
    name: str,
    uri: str,
    store: ObjectStore,
    decode: bool,
    progress: bool,
) -> Iterator[Finding]:
    n_frames = sum(len(file.index) for file in files)
    fits = index is not None
    if index is not None:
        misfits = list(check_fit(index, name, uri, store))
        yield from misfits
        fits = all(finding.code != "index-stale" for finding in misfits)
        if fits:
            yield from check_frame_count(index, n_frames, name, uri)
            yield from check_positions(index, [file.index for file in files], name, uri)
    try:
        checked = _clock(files, clocks, index if fits else None)
    except ClockError as error:  # pulses that nothing assigns to frames
        yield refused_clock(str(error), uri)
        checked = _clock(files, [], index if fits else None)
    yield from check_clock(checked, name, uri)
    yield from check_groups(_recording(files, checked, store), name, uri)
    for file in files:
        yield from check_container(file)
        yield from check_encoding(file)
        yield from check_decoder(file)
        yield from check_depth(file)
        if file.appearance is None:
            continue
        if not decode:
            yield from check_key_frames(file)
            continue
        label = file_name(file.video_file.uri)
        with progress_bar(label, 2 * len(file.index), progress) as advance:
            yield from check_all_frames(file, advance)


def _open_file(name: str, uri: str, store: ObjectStore) -> CheckedFile:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IndexWarning)  # is a finding here
        packets = build_segment(store, uri)
    video_file = VideoFile(uri, packets, ranged(store))
    declared = read_container_facts(store.open(uri), uri)
    try:
        appearance = first_appearance(video_file)
    except DecodeError:
        appearance = None
    return CheckedFile(name, video_file, declared, appearance)


def _clock(
    files: Sequence[CheckedFile], clocks: Sequence[FileClock], index: FrameIndex | None
) -> CheckedClock:
    tables = pts_tables([file.index for file in files])
    own = container_clock(tables)
    if not all(clock.is_container for clock, *_ in clocks):
        return _given_clock(clocks, tables, own)
    if index is not None:
        times = index.timestamps()
        if not np.array_equal(times, own, equal_nan=True):
            report = examine(times, frames=len(times))
            facts = getattr(index, "clock_facts", {})
            return CheckedClock("index", times, own, report, facts)
    return CheckedClock("container", own, own, examine(own, frames=len(own)))


def _given_clock(
    clocks: Sequence[FileClock], tables: Sequence[PtsTable], own: np.ndarray
) -> CheckedClock:
    by_frame, reports, meanings, at = [], [], [], 0
    for file_clock, (times, report) in zip(clocks, report_file_clocks(clocks, tables)):
        stamps = file_clock.stamps
        n_frames = sum(len(pts) for pts, _ in tables[file_clock.first : file_clock.stop])
        if stamps.frames is not None:  # they are by stamp, and become times by frame
            times = times_by_frame(stamps, times, n_frames)
        reports.append(report)
        meanings.append(unbelievable(file_clock.clock, stamps, own[at : at + n_frames]))
        at += n_frames
        if len(clocks) == 1:
            facts = clock_facts(report)
            return CheckedClock("given", times, own, report, facts, meanings[0])
        padded = np.full(n_frames, np.nan)
        padded[: len(times)] = times[:n_frames]
        by_frame.append(padded)
    counts = np.cumsum([0, *map(len, by_frame)]).tolist()
    untimed = [first + report.untimed for first, report in zip(counts, reports)]
    times = np.concatenate(by_frame)
    report = examine(
        times,
        frames=len(own),
        resolution=max(report.resolution for report in reports),
        untimed=np.concatenate(untimed),
        surplus=sum(report.surplus for report in reports),
    )
    n_stamps = sum(report.stamps for report in reports)
    meaning = next(filter(None, meanings), "")
    report = replace(report, stamps=n_stamps)
    return CheckedClock("given", times, own, report, meaning=meaning)


def _recording(
    files: Sequence[CheckedFile], clock: CheckedClock, store: ObjectStore
) -> Recording:
    r"""Returns the video as it would be read, on the clock that was checked."""
    uris = tuple(file.video_file.uri for file in files)
    times = np.full(len(clock.own), np.nan)
    common = clock.times[: len(times)]
    times[: len(common)] = common
    index = MemoryFrameIndex(uris, tuple(file.index for file in files), times)
    part = VideoPart(VideoPlace(uris, store), index)
    return Recording((part,))


def _unreadable(what: str, uri: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "unreadable",
        what,
        "No frame of it can be read.",
        "check the path, and that the file was copied whole",
        uri,
    )
