r"""Copies a video into short groups of pictures, with the numbers and times it had."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._base.progress import progress_bar
from ..._base.report import Report
from ..._base.uris import frame_index_uri, short_path
from ..._index.packets import SegmentIndex
from ..._plugin.place import locate
from ..._sidecar.sidecar import LanceFrameIndex
from ..._sidecar.sidecar_write import write_sidecar
from ..._video.cost import ReadingCost, expected_cost
from ..._video.part import VideoPart
from ..._video.recording import Recording
from ...types import ObjectStore
from .copy_plan import Job, check_free, checked_encoding, checked_output, plan_copies
from .encode import Encoding
from .transcode import transcode, verify
from .write_errors import writing


@dataclass(frozen=True)
class ReencodeReport(Report):
    r"""What a copy is, what it costs and what it saves.

    Args:
        uris: the files of the copy.
        index_uri: its index.
        frames: number of frames.
        bytes_before: size of the original files.
        bytes_after: size of the copy.
        before: what random reads of the original cost.
        after: what they cost in the copy.
        psnr: peak signal-to-noise ratio of luma in dB, estimated on 64 pixels of each
            frame; infinite if all of them are the same.
        lossless: whether every pixel was compared and is the same.
        converted: pixel format of the original and the one that the encoder holds, where
            they differ.
        audio: codecs of the sound that was copied.
        left_out: what the original holds and the copy lacks.
        seconds: how long it took.
    """

    uris: tuple[str, ...]
    index_uri: str
    frames: int
    bytes_before: int
    bytes_after: int
    before: ReadingCost
    after: ReadingCost
    psnr: float
    lossless: bool
    converted: tuple[str, str] | None
    audio: tuple[str, ...]
    left_out: tuple[str, ...]
    seconds: float

    def table(self) -> Iterator[tuple[str, str]]:
        r"""Yields what was made, what it costs and what it saves, in words by name."""
        from rich.filesize import decimal

        yield "copy", " + ".join(map(short_path, self.uris))
        yield "frames", f"{self.frames}, compared one by one; took {self.seconds:.1f} s"
        yield "pixels", self._pixels()
        before, after = self.bytes_before, self.bytes_after
        yield "size", f"{decimal(before)} -> {decimal(after)} ({after / before:.2f} times)"
        old, new = self.before, self.after
        yield (
            "1 s window",
            f"decodes {old.window_decoded:.0f} -> {new.window_decoded:.0f} frames to show "
            f"{new.window_frames:.0f}; fetches {decimal(round(old.window_bytes))} -> "
            f"{decimal(round(new.window_bytes))} (means)",
        )
        yield (
            "single frame",
            f"decodes {old.single_decoded:.0f} -> {new.single_decoded:.0f} (means)",
        )
        if new.single_decoded >= old.single_decoded:
            yield "", "the original has short groups of pictures already: keep it"
        if self.audio:
            yield "sound", f"{', '.join(self.audio)}, copied as it is"
        if self.left_out:
            yield "left out", "; ".join(self.left_out)
        yield "index", f"{short_path(self.index_uri)}, on the clock of the original"

    def _pixels(self) -> str:
        if self.lossless:
            return "the same, every one"
        same = math.isinf(self.psnr)
        text = "luma " + ("the same where sampled" if same else f"PSNR {self.psnr:.1f} dB")
        if self.converted:
            text += f"; {self.converted[0]} became {self.converted[1]}"
        return text


def reencode(
    uri: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    gop: int = 30,
    crf: int | None = None,
    codec: str | None = None,
    lossless: bool = False,
    fps_keep: bool = True,
    audio: bool = True,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> ReencodeReport:
    r"""Copies a video into short groups of pictures, which are read fast at random.

    The copy has the same frames, with the same numbers, sizes, container times, rotation,
    colour tags and sound, and an index with the original's clock. It is read back
    and compared frame by frame before it takes its place; the original is never touched.

    Args:
        uri: the video, or its first file.
        output: the copy, a local ``.mp4`` or ``.m4v``; ``cam_gop30.mp4`` beside
            ``cam.mp4`` by default. Further files are numbered as
            :func:`~temporaldata_video.segment_uris` does.
        gop: frames from one key frame to the next, at most.
        crf: constant rate factor, 0 to 51; less gives better pictures and a larger file.
            18 by default.
        codec: ``"h264"``, ``"hevc"`` or ``"ffv1"``. By default H.264, and HEVC for more
            than 8 bits per sample; without loss, the first of the three that holds the
            pixel format.
        lossless: keep every pixel; the comparison then checks all of them. FFV1 is made
            of key frames alone.
        fps_keep: keep the container's times, uneven ones too. Otherwise the container
            gets a constant rate, while the index keeps the times that frames had.
        audio: copy the sound as it is.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the original's index lies; beside it by default.
        overwrite: replace a copy that is there already.
        progress: show a progress bar.

    Returns:
        What was made, and what it costs.

    Raises:
        ValueError: if an argument is wrong.
        VideoError: if a lossy copy would have fewer bits per sample.
        DecodeError: if a frame does not decode. No copy is made then.
        VideoError: if the copy cannot be exact or written, or there is one already.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("slow.mp4", n_frames=300, gop=250)
        >>> index = tv.write_index(clip, progress=False)
        >>> report = tv.reencode(clip, gop=10, progress=False)
        >>> report.before.single_decoded > 50, report.after.single_decoded < 10
        (True, True)
        >>> tv.LazyVideo.from_uri("slow_gop10.mp4").frame_count
        300
    """
    started = time.perf_counter()
    encoding = checked_encoding(gop, crf, codec, lossless)
    place = locate(uri, store=store, storage_options=storage_options, index_uri=index_uri)
    part = VideoPart(place)
    part.reader.head(place.uri)  # an index alone is no video
    target = checked_output(output, place.uri, gop)
    jobs = list(plan_copies(part, target, fps_keep, audio))
    check_free(jobs, overwrite)
    try:
        with writing(f"the copy {str(target)!r}"):
            copies = _make_copies(jobs, encoding, target.name, progress)
            # Before the copies take their places: without an index, the clock that a
            # program would read them on is that of the container.
            written = write_sidecar(
                frame_index_uri(str(jobs[0].path)),
                [str(job.path) for job in jobs],
                [copy.index for copy in copies],
                Recording((part,)).timestamps,
                again=part.shown_again,
                max_gap=part.pace.max_gap,
                overwrite=overwrite,
            )
            for job in jobs:
                os.replace(job.aside, job.path)
    finally:
        for job in jobs:
            job.aside.unlink(missing_ok=True)
    return _report(part, jobs, copies, written, lossless, time.perf_counter() - started)


def _report(
    part: VideoPart,
    jobs: Sequence[Job],
    copies: Sequence[_Copy],
    written: LanceFrameIndex,
    lossless: bool,
    seconds: float,
) -> ReencodeReport:
    after = VideoPart(locate(jobs[0].path), written)
    originals = {job.source.uri for job in jobs}
    return ReencodeReport(
        uris=tuple(str(job.path) for job in jobs),
        index_uri=written.uri,
        frames=sum(len(job.rows) for job in jobs),
        bytes_before=sum(part.reader.head(original).size for original in originals),
        bytes_after=sum(job.path.stat().st_size for job in jobs),
        before=expected_cost(Recording((part,))),
        after=expected_cost(Recording((after,))),
        psnr=min(copy.psnr for copy in copies),
        lossless=lossless,
        converted=next((c.converted for c in copies if c.converted), None),
        audio=tuple(codec for job in jobs if job.audio for codec in job.facts.audio),
        left_out=tuple(dict.fromkeys(what for job in jobs for what in job.left_out())),
        seconds=seconds,
    )


@dataclass(frozen=True, eq=False)
class _Copy:
    r"""A file that was made and found to be good."""

    index: SegmentIndex
    psnr: float
    converted: tuple[str, str] | None


def _make_copies(
    jobs: Sequence[Job], encoding: Encoding, label: str, progress: bool
) -> list[_Copy]:
    r"""Writes all files aside, and checks them."""
    copies, done = [], 0
    total = 2 * sum(len(job.rows) for job in jobs)
    with progress_bar(label, total, progress) as show:

        def advance(n: int) -> None:
            if show is not None:
                show(done + n)

        for job in jobs:
            seen = transcode(job, encoding, advance)
            done += len(job.rows)
            index, psnr = verify(job, seen, advance)
            done += len(job.rows)
            copies.append(_Copy(index, psnr, seen.converted))
    return copies
