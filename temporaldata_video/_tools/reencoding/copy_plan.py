r"""Plans copies: checks the arguments, and says which file becomes which."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._base.machine import usable_threads
from ..._base.uris import frame_index_uri, normalize_uri, protocol_of, segment_uris
from ..._build.file_index import build_segment
from ..._decode.read_file import VideoFile, forget, verified
from ..._index.memory_index import MemoryFrameIndex
from ..._index.packets import segments_of
from ..._index.streams import ContainerFacts, read_container_facts
from ..._sidecar.sidecar_write import check_vacant
from ..._video.arguments import check_choice, check_whole
from ..._video.part import VideoPart
from ...errors import FrameIndexError, VideoError
from ..checking.sidecar_findings import check_frame_count, check_positions
from .encode import ENCODERS, Encoding
from .timing import Timing, even_timing, kept_timing

SUFFIXES = (".mp4", ".m4v")
DEFAULT_CRF = 18


@dataclass(frozen=True, eq=False)
class Job:
    r"""One file that is to be made.

    Args:
        source: the file that it copies.
        rows: the frames of that file that the copy has, sorted, int64 of shape (n,).
        path: where it goes.
        timing: when its frames are shown.
        facts: what the container of the original declares.
        audio: whether the sound is copied.
    """

    source: VideoFile
    rows: np.ndarray
    path: Path
    timing: Timing
    facts: ContainerFacts
    audio: bool

    @property
    def aside(self) -> Path:
        r"""Where it is written before it is known to be good."""
        return self.path.with_name(f"{self.path.name}.part")

    def left_out(self) -> Iterator[str]:
        r"""Yields what the original holds and the copy does not."""
        if self.facts.audio and not self.audio:
            yield f"the sound ({', '.join(self.facts.audio)})"
        if self.facts.videos > 1:
            yield f"{self.facts.videos - 1} of {self.facts.videos} video streams"


def plan_copies(
    part: VideoPart, target: Path, fps_keep: bool, audio: bool
) -> Iterator[Job]:
    r"""Yields one job for each file of a video.

    Args:
        part: the video.
        target: where the first copy goes; the others are numbered.
        fps_keep: keep the times of the container.
        audio: copy the sound.

    Raises:
        VideoError: if a copy cannot have those times, or sound would not follow them.
    """
    _check_index(part)
    paths = segment_uris(str(target), len(part.files))
    for (source, mapping), path in zip(part.files, paths):
        packets = source.packets
        rows = np.arange(len(packets)) if mapping is None else mapping
        pts, base = packets.rows(0, len(packets)).pts[rows], packets.stream.time_base
        timing = kept_timing(pts, base, source.uri) if fps_keep else even_timing(pts, base)
        facts = read_container_facts(source.store.open(source.uri), source.uri)
        if facts.audio and audio and not fps_keep:
            raise VideoError(
                f"{source.uri!r} has sound ({', '.join(facts.audio)}), which would not "
                f"follow frames to other times; leave it out with audio=False."
            )
        # Of a file that holds several segments there is no sound for each of them.
        whole = len(rows) == len(packets)
        yield Job(source, rows, Path(path), timing, facts, audio and whole)


def _check_index(part: VideoPart) -> None:
    # A mistake of the index would become a fact in the copy, for ever.
    if isinstance(part.index, MemoryFrameIndex) or not segments_of(part.index):
        return  # indexed just now
    files = []
    for source, _ in part.files:
        forget(source)
        verified(source)
        files.append(build_segment(source.store, source.uri))
    frames = sum(map(len, files))
    for finding in (
        *check_frame_count(part.index, frames, part.uri, part.uri),
        *check_positions(part.index, files, part.uri, part.uri),
    ):
        raise FrameIndexError(
            f"{finding.what}. A copy would keep the mistake, so none was made. First: "
            f"{finding.remedy}"
        )


def check_free(jobs: Sequence[Job], overwrite: bool) -> None:
    r"""Raises an error if a copy would replace a file that should stay.

    Args:
        jobs: the files that are to be made.
        overwrite: replace earlier copies.

    Raises:
        ValueError: if a copy would replace the original.
        VideoError: if there is a file, or an index, already.
    """
    for job in jobs:
        if not job.path.exists():
            continue
        for original in (other.source.uri for other in jobs):
            if os.path.exists(original) and os.path.samefile(job.path, original):
                raise ValueError(
                    f"output {str(job.path)!r} is the video itself, which is never touched."
                )
        if not overwrite:
            raise VideoError(
                f"there is a file {str(job.path)!r} already; pass overwrite=True "
                f"to replace it, or write elsewhere: output=..."
            )
    if not overwrite:
        check_vacant(frame_index_uri(str(jobs[0].path)), None)


def checked_encoding(gop: Any, crf: Any, codec: Any, lossless: bool) -> Encoding:
    r"""Returns how frames are to be encoded.

    Args:
        gop: frames from one key frame to the next, a positive integer.
        crf: 0 to 51, or :obj:`None`.
        codec: a key of :data:`~temporaldata_video._tools.reencoding.encode.ENCODERS`, or
            :obj:`None` for the one that suits.
        lossless: keep every pixel.

    Raises:
        ValueError: if one of them is something else.
    """
    if codec is not None:
        check_choice("codec", codec, tuple(ENCODERS))
    check_whole("gop", gop, 1)
    if crf is not None:
        check_whole("crf", crf, 0, 51)
    if lossless and crf is not None:
        raise ValueError("crf is a measure of loss; give either crf or lossless.")
    if codec == "ffv1" and not lossless:
        raise ValueError("codec='ffv1' keeps every pixel; say so with lossless=True.")
    return Encoding(
        codec=codec,
        gop=int(gop),
        crf=DEFAULT_CRF if crf is None else int(crf),
        lossless=lossless,
        threads=usable_threads(),
    )


def checked_output(output: str | os.PathLike[str] | None, uri: str, gop: int) -> Path:
    r"""Returns where the first copy goes.

    Args:
        output: a local path; made from ``uri`` and ``gop`` by default.
        uri: the video.
        gop: names the copy.

    Raises:
        ValueError: if it is remote, or of a container that keeps no exact times.
    """
    if output is None:
        if protocol_of(uri):
            raise ValueError(
                f"output must be given for {uri!r}: copies are written locally."
            )
        original = Path(uri)
        return original.with_name(f"{original.stem}_gop{gop}.mp4")
    path = normalize_uri(output)
    if protocol_of(path) or not path.endswith(SUFFIXES):
        raise ValueError(
            f"output must be a local path ending in {' or '.join(SUFFIXES)}, got "
            f"{os.fspath(output)!r}."
        )
    return Path(path)
