r"""Checks by decoding: damaged frames, and key frames at which decoding cannot start."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..._base.shell_words import shell_words
from ..._build.readback import find_disorder
from ..._decode.plan import plan_runs
from ..._decode.read_file import VideoFile
from ..._decode.sequence import decode_run, frame_digest, whole_run
from .finding import Finding, Severity, command, counted
from .subject import Appearance, CheckedFile

if TYPE_CHECKING:
    import av

# Unless the user asks to decode everything, this many pixels at most are decoded for key
# frames, and this many frames compared after each.
_PIXELS_SPENT = 250_000_000
_KEYS_TRIED = 8
_FRAMES_COMPARED = 16
_NAMED = 3

Advance = Callable[[int], None]


@dataclass
class Decoding:
    r"""The result of decoding some frames.

    Args:
        digests: of each frame that came out, by its number.
        failed: the frames that did not, and why.
        corrupt: frames that came out with references missing.
    """

    digests: dict[int, bytes] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    corrupt: set[int] = field(default_factory=set)


def first_appearance(video_file: VideoFile) -> Appearance | None:
    r"""Returns how the first frame that decodes looks, :obj:`None` if none does.

    Args:
        video_file: the file.
    """
    found: list[Appearance] = []

    def note(number: int, frame: av.VideoFrame) -> None:
        look = Appearance(frame.format.name, int(frame.colorspace), int(frame.color_range))
        found.append(look)

    keys = np.flatnonzero(video_file.packets.rows(0, len(video_file.packets)).keyframe)
    first = np.unique([0, *keys[:1].tolist()])
    for row in first:
        for run in plan_runs(video_file.packets, np.array([row])):
            decode_run(video_file, run, note)
        if found:
            return found[0]
    return None


def check_key_frames(file: CheckedFile) -> Iterator[Finding]:
    r"""Finds key frames at which decoding cannot start, among some that are tried.

    Args:
        file: the file.
    """
    yield from _mended_keys(file)
    video_file = file.video_file
    wrong, tried = [], 0
    for rows in _groups_to_try(file):
        tried += 1
        alone = _decode(video_file, rows, earlier=0)
        after = _decode(video_file, rows, earlier=1)
        if _differ(alone, after, rows):
            wrong.append(int(rows[0]))
    yield from _false_keys(file, len(wrong), tried, f" (frames {_named(wrong)})")


def check_all_frames(file: CheckedFile, advance: Advance | None) -> Iterator[Finding]:
    r"""Finds all damaged frames, and all key frames at which decoding cannot start.

    The file is decoded from end to end, and then once more from each key frame alone.

    Args:
        file: the file.
        advance: called with the number of frames that were decoded so far.
    """
    video_file = file.video_file
    yield from _order(file)
    yield from _mended_keys(file)
    strict = _decode_whole(video_file, advance, strict=True)
    harmed = dict.fromkeys(strict.corrupt, "it refers to what is missing")
    harmed |= strict.failed
    whole = _decode_whole(video_file, None, strict=False) if harmed else strict
    yield from _damage(file, harmed, set(whole.failed))
    wrong, tried = [], 0
    for rows in _groups(file):
        if advance is not None:
            advance(len(video_file.packets) + int(rows[-1]))
        if rows[0] == 0:
            continue
        tried += 1
        if _differ(_decode(video_file, rows, earlier=0), whole, rows):
            wrong.append(int(rows[0]))
    yield from _false_keys(file, len(wrong), tried, f" (frames {_named(wrong)})")


def _mended_keys(file: CheckedFile) -> Iterator[Finding]:
    # Indexing the file anew showed that they are no key frames; no read starts at them.
    false = file.index.false_keys
    if false:
        keys = int(np.count_nonzero(file.index.frames.keyframe))
        yield from _false_keys(file, false, keys + false, "")


def _order(file: CheckedFile) -> Iterator[Finding]:
    fault = find_disorder(file.video_file)
    if fault is not None:
        yield Finding(
            Severity.ERROR,
            "order-differs",
            f"{fault.what}: the container's times are not those at which frames are shown",
            "This package, and others that believe the container, give times to the wrong "
            "frames.",
            f"{command('index', '--verify', '--overwrite', file.name)} --timestamps TIMES, "
            f"which has the decoder say the order",
            file.video_file.uri,
        )


def _decode(video_file: VideoFile, rows: np.ndarray, earlier: int) -> Decoding:
    found = Decoding()
    for run in plan_runs(video_file.packets, rows, earlier=earlier):
        found.failed |= decode_run(video_file, run, _noting(found))
    return found


def _decode_whole(video_file: VideoFile, advance: Advance | None, strict: bool) -> Decoding:
    found = Decoding()
    run = whole_run(video_file.packets)
    found.failed = decode_run(video_file, run, _noting(found, advance), strict=strict)
    return found


def _noting(
    found: Decoding, advance: Advance | None = None
) -> Callable[[int, av.VideoFrame], None]:
    def note(number: int, frame: av.VideoFrame) -> None:
        found.digests[number] = frame_digest(frame)
        if frame.is_corrupt:
            found.corrupt.add(number)
        if advance is not None:
            advance(len(found.digests))

    return note


def _differ(alone: Decoding, other: Decoding, rows: np.ndarray) -> bool:
    # A frame that decodes in neither way is damaged, wherever decoding starts.
    numbers = rows.tolist()
    return any(alone.digests.get(k) != other.digests.get(k) for k in numbers)


def _groups(file: CheckedFile) -> Iterator[np.ndarray]:
    r"""Yields the frames from each key frame to the next, in the order shown."""
    n = len(file.index)
    keys = np.flatnonzero(file.index.frames.keyframe)
    for start, stop in zip(keys, [*keys[1:], n]):
        yield np.arange(start, stop)


def _groups_to_try(file: CheckedFile) -> Iterator[np.ndarray]:
    groups = list(_groups(file))
    stream = file.index.stream
    budget = max(1, _PIXELS_SPENT // (stream.width * stream.height))
    # The first has nothing before it.
    numbers = np.unique(np.linspace(1, len(groups) - 1, _KEYS_TRIED).astype(int))
    for number in numbers[numbers > 0].tolist() if len(groups) > 1 else []:
        rows = groups[number][:_FRAMES_COMPARED]
        cost = len(groups[number - 1]) + 2 * len(rows)
        # One is tried whatever it costs.
        if cost > budget and number > 1:
            return
        budget -= cost
        yield rows


def _false_keys(file: CheckedFile, wrong: int, tried: int, which: str) -> Iterator[Finding]:
    if wrong:
        yield Finding(
            Severity.ERROR,
            "false-key-frames",
            f"{wrong} of {counted(tried, 'key frame')} tried are none{which}: decoded from "
            f"there, frames have other pixels than in sequence, or none",
            "Every reader that seeks shows wrong pictures after them, without an error.",
            command("reencode", file.name, "--gop", "30"),
            file.video_file.uri,
        )


def _damage(
    file: CheckedFile, harmed: dict[int, str], missing: set[int]
) -> Iterator[Finding]:
    if missing:
        why = harmed.get(min(missing), "the decoder shows no frame")
        yield Finding(
            Severity.ERROR,
            "damaged-frames",
            f"{len(missing)} of {counted(len(file.index), 'frame')} cannot be decoded "
            f"({_named(sorted(missing))}: {_reason(why)})",
            "Reading them is a DecodeError. They keep their numbers, while programs that "
            "skip them count all later frames too low.",
            "copy the file again; to read what there is: LazyVideo.from_uri(uri, "
            "on_error='mask'), whose .valid says which frames are good",
            file.video_file.uri,
        )
    concealed = sorted(set(harmed) - missing)
    if concealed:
        yield Finding(
            Severity.ERROR,
            "concealed-damage",
            f"damage in {len(concealed)} of {counted(len(file.index), 'frame')} "
            f"({_named(concealed)}: {_reason(harmed[concealed[0]])})",
            "Decoders invent pixels where the data is damaged, and frames that refer to "
            "them are wrong too, up to the next key frame. No reader says so.",
            "copy the file again, or leave these stretches out of the analysis",
            file.video_file.uri,
        )


def _reason(why: str) -> str:
    # FFmpeg's words, without the number of the error and the function in which it arose.
    return re.sub(r"^\[Errno \d+\] |: '\w+\(\)'$", "", why)


def _named(numbers: list[int]) -> str:
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = len(numbers) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def check_decoder(file: CheckedFile) -> Iterator[Finding]:
    r"""Finds whether the file decodes at all.

    Args:
        file: the file.
    """
    if file.appearance is None:
        yield Finding(
            Severity.ERROR,
            "not-decodable",
            f"neither the first frame nor the first key frame of {len(file.index):,} "
            f"decodes",
            "The file is damaged, or the installed FFmpeg cannot decode it.",
            "see what FFmpeg says: "
            f"ffmpeg -v error -i {shell_words([file.name])} -f null -",
            file.video_file.uri,
        )
