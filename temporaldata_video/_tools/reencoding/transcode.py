r"""Encodes the frames of one file anew, and checks that all of them arrived."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..._base.container import open_container
from ..._build.file_index import build_segment
from ..._bytes.local import LocalStore
from ..._decode.read_file import VideoFile
from ..._decode.sequence import decode_run, frame_digest, luma_samples, whole_run
from ..._index.display_matrix import display_matrix
from ..._index.packets import SegmentIndex
from ...errors import DecodeError, VideoError
from .copy_plan import Job
from .encode import Encoding, Mp4Writer, SoundDigests, digest_sound
from .pictures import compare_pictures
from .timing import Timing
from .track_matrix import turn_track

if TYPE_CHECKING:
    import av

Advance = Callable[[int], None]

# Frames that may come out of the decoder before one that should come first.
_MOST_WAITING = 64


@dataclass
class Seen:
    r"""Facts about the frames that went into a copy.

    Args:
        samples: of the luma of each frame, uint16 of shape (64,).
        digests: of each frame, where every pixel is to be kept.
        depth: bits of a sample.
        tags: matrix and range of the colours, code points of ISO/IEC 23091-2.
        has_matrix: whether it is YUV, whose colours depend on matrix and range.
        converted: the pixel format that the copy cannot have, and the one that it has.
        sound: digests of the packets of each audio stream.
    """

    samples: list[np.ndarray] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    depth: int = 8
    tags: tuple[int, int] = (2, 0)
    has_matrix: bool = True
    converted: tuple[str, str] | None = None
    sound: SoundDigests = field(default_factory=dict)


def transcode(job: Job, encoding: Encoding, advance: Advance) -> Seen:
    r"""Writes the frames of a file into a new one.

    Args:
        job: which frames, and where to.
        encoding: how frames are encoded.
        advance: called with the number of frames that are done.

    Raises:
        DecodeError: if a frame does not decode, since the copy would lack it.
    """
    source, rows, timing, seen = job.source, job.rows, job.timing, Seen()
    stream, uri = source.packets.stream, source.uri
    position = dict(zip(rows.tolist(), range(len(rows))))
    waiting: dict[int, av.VideoFrame] = {}
    with ExitStack() as stack:
        sound = None
        if job.audio and job.facts.audio:
            file = stack.enter_context(source.store.open(uri))
            sound = stack.enter_context(open_container(file, uri))
        writer = stack.enter_context(
            Mp4Writer(
                job.aside,
                encoding,
                stream,
                time_base=timing.time_base,
                rate=timing.rate,
                pixel_aspect=job.facts.pixel_aspect,
                audio=sound,
            )
        )

        def take(number: int, frame: av.VideoFrame) -> None:
            if number not in position:
                return
            waiting[position[number]] = frame
            while (k := len(seen.samples)) in waiting:
                _copy_frame(writer, waiting.pop(k), int(timing.pts[k]), encoding, seen)
                advance(k + 1)
            if len(waiting) > _MOST_WAITING:
                raise _undecodable(uri, int(rows[k]), "the decoder shows no frame")

        missing = decode_run(source, whole_run(source.packets), take)
        for row in sorted(missing.keys() & position.keys()):
            raise _undecodable(uri, row, missing[row])
    seen.sound = writer.sound_digests  # the last of it is written at the end
    if stream.rotation or stream.mirrored:
        size = stream.width, stream.height
        turn_track(job.aside, display_matrix(stream.rotation, stream.mirrored, *size))
    return seen


def _copy_frame(
    writer: Mp4Writer, frame: av.VideoFrame, pts: int, encoding: Encoding, seen: Seen
) -> None:
    written = writer.write(frame, pts)
    if encoding.lossless:  # of the same values, perhaps in the other byte order
        seen.digests.append(frame_digest(written))
    if not seen.samples:
        seen.tags = writer.tags
        seen.depth = written.format.components[0].bits
        seen.has_matrix = not written.format.is_rgb and len(written.format.components) > 1
        if written.format.name != frame.format.name:
            seen.converted = frame.format.name, written.format.name
    seen.samples.append(luma_samples(written))


def _undecodable(uri: str, row: int, why: str) -> DecodeError:
    return DecodeError(
        f"frame {row} of {uri!r} does not decode: {why}. A copy would lack it, and all "
        f"later frames would have other numbers, so none was made. See what is damaged "
        f"with: temporaldata-video check --decode {uri}"
    )


def verify(job: Job, seen: Seen, advance: Advance) -> tuple[SegmentIndex, float]:
    r"""Reads a copy back, and compares each frame with what went into it.

    Args:
        job: what was to be copied, and where to.
        seen: facts about the frames that were written.
        advance: called with the number of frames that are done.

    Returns:
        The copy's index, and the peak signal-to-noise ratio of luma in dB, infinite where
        it is the same.

    Raises:
        VideoError: if anything but the encoding differs.
    """
    path, timing = job.aside, job.timing
    store = LocalStore()
    index = build_segment(store, str(path))
    _check_times(index, timing)
    _check_turn(index, job.source)
    samples: list[np.ndarray] = []
    tags: list[tuple[int, int]] = []

    def compare(number: int, frame: av.VideoFrame) -> None:
        if not tags:
            tags.append((int(frame.colorspace), int(frame.color_range)))
        if seen.digests and frame_digest(frame) != seen.digests[number]:
            raise VideoError(f"frame {number} of the copy has other pixels; it is no good.")
        samples.append(luma_samples(frame))
        advance(len(samples))

    copy = VideoFile(str(path), index, store)
    missing = decode_run(copy, whole_run(index), compare)
    if missing or len(samples) != len(timing.pts):
        raise VideoError(f"{len(missing)} frames of the copy do not decode; it is no good.")
    if seen.has_matrix:
        _check_tags(tags[0], seen.tags)
    _check_sound(job, seen)
    return index, compare_pictures(np.stack(seen.samples), np.stack(samples), seen.depth)


def _check_times(index: SegmentIndex, timing: Timing) -> None:
    if len(index) != len(timing.pts):
        raise VideoError(
            f"the copy has {len(index)} frames and should have {len(timing.pts)}."
        )
    ours, theirs = index.stream.time_base, timing.time_base
    # In whole numbers, since seconds would be rounded.
    copied = [
        pts * ours.numerator * theirs.denominator for pts in index.frames.pts.tolist()
    ]
    planned = [pts * theirs.numerator * ours.denominator for pts in timing.pts.tolist()]
    if copied != planned:
        k = next(k for k, pair in enumerate(zip(copied, planned)) if pair[0] != pair[1])
        raise VideoError(
            f"frame {k} of the copy is at {float(index.frames.pts[k] * ours):.9f} s and "
            f"should be at {float(timing.pts[k] * theirs):.9f} s."
        )


def _check_sound(job: Job, seen: Seen) -> None:
    with open(job.aside, "rb") as file, open_container(file, str(job.aside)) as copy:
        found = digest_sound(copy)
    for number in sorted(seen.sound.keys() | found.keys()):
        digests = [known.get(number) for known in (seen.sound, found)]
        if None in digests or len({digest.digest() for digest in digests if digest}) > 1:
            raise VideoError(f"audio stream {number} of the copy has other packets.")


def _check_turn(index: SegmentIndex, source: VideoFile) -> None:
    ours, theirs = index.stream, source.packets.stream
    if (ours.rotation, ours.mirrored) != (theirs.rotation, theirs.mirrored):
        raise VideoError(
            f"the copy is turned by {ours.rotation} degrees instead of {theirs.rotation}."
        )


def _check_tags(copied: tuple[int, int], encoded: tuple[int, int]) -> None:
    # A stream that does not tell its range has the limited one.
    if (copied[0], max(copied[1], 1)) != (encoded[0], max(encoded[1], 1)):
        raise VideoError(
            f"the copy has the colour tags {copied} (matrix, range) instead of {encoded}."
        )
