r"""Checks how a video is encoded: groups of pictures, colour, rotation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._video.cost import expected_cost
from ..._video.recording import Recording
from .finding import Finding, Severity, command, counted
from .subject import CheckedFile

SHORT_GROUP = 30
# A window of a second may cost this many times its frames, and this many more.
_COSTLY, _COSTLY_FRAMES = 2.0, 30
_UNSPECIFIED_MATRIX, _UNSPECIFIED_RANGE = 2, 0


def check_groups(recording: Recording, name: str, uri: str) -> Iterator[Finding]:
    r"""Finds whether groups of pictures are so long that random windows are slow.

    Args:
        recording: the video, on the clock on which windows are cut.
        name: the video as a user would type it.
        uri: the video, or its first file.
    """
    if not len(recording.time_order):
        return
    cost = expected_cost(recording)
    surplus = cost.window_decoded - cost.window_frames
    if (
        cost.window_decoded > _COSTLY * cost.window_frames
        and surplus > _COSTLY_FRAMES
        and _longest_group(recording) > SHORT_GROUP
    ):
        short = cost.window_frames + SHORT_GROUP / 2
        yield Finding(
            Severity.WARNING,
            "long-groups",
            f"groups of up to {_longest_group(recording)} pictures: a random window of 1 s "
            f"decodes {cost.window_decoded:.0f} frames to show "
            f"{cost.window_frames:.0f}, a single frame {cost.single_decoded:.0f}",
            f"Decoding starts at a key frame, and key frames are rare. With groups of "
            f"{SHORT_GROUP} it would be about {short:.0f}.",
            command("reencode", name, "--gop", str(SHORT_GROUP)),
            uri,
        )


def _longest_group(recording: Recording) -> int:
    longest = 0
    for file, _ in recording.files:
        frames = file.packets.rows(0, len(file.packets))
        edges = np.concatenate([[0], np.flatnonzero(frames.keyframe), [len(frames)]])
        longest = max(longest, int(np.diff(edges).max()))
    return longest


def check_encoding(file: CheckedFile) -> Iterator[Finding]:
    r"""Finds what is unusual about the encoding of a file.

    Args:
        file: the file.
    """
    yield from _no_first_key(file)
    yield from _open_groups(file)
    yield from _rotation(file)
    yield from _colour(file)


def _no_first_key(file: CheckedFile) -> Iterator[Finding]:
    packets = file.decoding_order
    keys = np.flatnonzero(packets.keyframe)
    first = int(keys[0]) if len(keys) else len(packets)
    pts = packets.pts[first] if len(keys) else np.iinfo(np.int64).max
    frames = file.index.frames
    orphans = (frames.pts < pts) if first else np.zeros(len(frames), bool)
    if orphans.any():
        n = int(np.count_nonzero(orphans))
        yield Finding(
            Severity.ERROR,
            "no-first-key-frame",
            f"{counted(n, 'frame')} come before the first key frame",
            "They refer to frames that are not in the file, and do not decode. The file "
            "was cut out of a longer one.",
            "read it with on_error='mask', or cut the original at a key frame",
            file.video_file.uri,
        )


def leading_pictures(file: CheckedFile) -> np.ndarray:
    r"""Returns how many frames follow each key frame in the file and precede it in time.

    Args:
        file: the file.

    Returns:
        int64 of shape (n_keys,), in decoding order.
    """
    packets = file.decoding_order
    keys = np.flatnonzero(packets.keyframe)
    group = np.searchsorted(keys, np.arange(len(packets)), side="right") - 1
    before = group >= 0
    before[before] = packets.pts[before] < packets.pts[keys[group[before]]]
    return np.bincount(group[before], minlength=len(keys))


def _open_groups(file: CheckedFile) -> Iterator[Finding]:
    leading = leading_pictures(file)
    # Before the first key frame there is no group to refer to.
    n_open, n_frames = int(np.count_nonzero(leading)), int(leading.sum())
    if n_open:
        yield Finding(
            Severity.WARNING,
            "open-gop",
            f"open groups of pictures: at {n_open} of "
            f"{counted(len(leading), 'key frame')}, {counted(n_frames, 'frame')} in all "
            f"come after it in the file and before it in time",
            "Most other readers lose these frames after a seek, or show wrong ones; here "
            "they are decoded from the group before.",
            command("reencode", file.name, "--gop", str(SHORT_GROUP)),
            file.video_file.uri,
        )


def _rotation(file: CheckedFile) -> Iterator[Finding]:
    stream = file.index.stream
    if stream.rotation or stream.mirrored:
        turn = f"turned by {stream.rotation} degrees counter-clockwise"
        flip = "mirrored" if stream.mirrored else ""
        how = " and ".join(filter(None, [turn if stream.rotation else "", flip]))
        height, width = stream.display_size
        yield Finding(
            Severity.INFO,
            "rotation",
            f"frames are to be shown {how}, as {width} x {height} pixels",
            "Players, OpenCV and this package turn them; PyAV, decord and some trackers "
            "do not, and their coordinates are of the unturned frame.",
            "compare a pose table with: temporaldata-video sheet",
            file.video_file.uri,
        )


def _colour(file: CheckedFile) -> Iterator[Finding]:
    look = file.appearance
    if look is None or not look.pixel_format.startswith("yuv"):
        return
    lacks = []
    if look.color_space == _UNSPECIFIED_MATRIX:
        lacks.append("matrix")
    if look.color_range == _UNSPECIFIED_RANGE:
        lacks.append("range")
    if lacks:
        yield Finding(
            Severity.INFO,
            "untagged-colour",
            f"the stream does not tell its colour {' and '.join(lacks)}",
            "This package converts it as FFmpeg does, which assumes BT.601 and the limited "
            "range; programs that guess otherwise show slightly other colours. "
            "Grey levels depend on the range alone.",
            "nothing to read it here; compare colours only between frames read alike",
            file.video_file.uri,
        )
