r"""Checks what a container does to frames: cuts, edits, further streams, uneven times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._base.shell_words import shell_words
from ..._build.file_index import clock_trouble
from .finding import Finding, Severity, command, counted
from .subject import CheckedFile

# Steps this far off the median, as a share of it, are no longer jitter.
_UNEVEN = 0.1


def check_container(file: CheckedFile) -> Iterator[Finding]:
    r"""Finds what is unusual about the container of a file.

    Args:
        file: the file.
    """
    yield from _cut_off(file)
    yield from _declared_count(file)
    yield from _edit_list(file)
    yield from _clock(file)
    yield from _variable_rate(file)
    yield from _further_videos(file)
    yield from _through_container(file)


def _cut_off(file: CheckedFile) -> Iterator[Finding]:
    missing = file.index.missing_packets
    if missing:
        yield Finding(
            Severity.ERROR,
            "cut-off",
            f"the header declares {counted(missing, 'frame')} more than the file holds",
            "The file was cut off: a copy broke, or a camera stopped without closing it. "
            f"The {counted(len(file.index), 'frame')} that are there can be read.",
            "copy the file again; if the original is no better, trim its clock: "
            f"{command('index', file.name)} --timestamps TIMES --on-mismatch trim",
            file.video_file.uri,
        )


def _declared_count(file: CheckedFile) -> Iterator[Finding]:
    declared = file.declared.declared_frames
    found = len(file.index) + len(file.index.hidden) + file.index.missing_packets
    if declared and declared != found:
        yield Finding(
            Severity.WARNING,
            "declared-count",
            f"the header declares {counted(declared, 'frame')} and there are {found:,}",
            "Programs that believe the header, such as OpenCV's CAP_PROP_FRAME_COUNT, "
            "count wrongly, and so may pose tables made by them.",
            f"check tables by frame: {command('index', file.name)} --pose TABLE",
            file.video_file.uri,
        )


def _edit_list(file: CheckedFile) -> Iterator[Finding]:
    hidden = len(file.index.hidden)
    if hidden:
        first = int(file.decoding_order.dts[0])
        leading = bool(np.isin(first, file.index.hidden.dts))
        where = ", some before the first frame shown" if leading else ""
        yield Finding(
            Severity.WARNING,
            "edit-list",
            f"{counted(hidden, 'packet')} that no player shows{where} (an edit list, or "
            f"frames that only serve others)",
            "Programs that ignore edit lists count these as frames, and their frame "
            "numbers are off.",
            f"a copy without them: {command('reencode', file.name)}",
            file.video_file.uri,
        )


def _clock(file: CheckedFile) -> Iterator[Finding]:
    trouble = clock_trouble(file.index).removesuffix(".")
    remedy = (
        f"{command('index', '--overwrite', file.name)} --timestamps TIMES, with the times "
        f"of the camera"
    )
    if trouble and not file.index.stream.has_times:
        yield Finding(
            Severity.WARNING,
            "no-clock",
            f"the file {trouble}",
            "Its times come from a constant rate, which no camera keeps exactly.",
            remedy,
            file.video_file.uri,
        )
    elif trouble:
        yield Finding(
            Severity.WARNING,
            "clock-restarts",
            f"the file {trouble}",
            "Times of different parts overlap, and sorting by time mixes them.",
            remedy,
            file.video_file.uri,
        )


def _variable_rate(file: CheckedFile) -> Iterator[Finding]:
    steps = np.diff(file.index.frames.pts)
    if len(steps) == 0:
        return
    usual = float(np.median(steps))
    off = np.abs(steps - usual)
    # A step may be rounded to the next tick.
    uneven = int(np.count_nonzero(off > 1))
    if not uneven:
        return
    tick = float(file.index.stream.time_base)
    much = bool((off > max(1.0, _UNEVEN * usual)).any())
    yield Finding(
        Severity.WARNING if much else Severity.INFO,
        "variable-frame-rate",
        f"{uneven:,} of {counted(len(steps), 'step')} from frame to frame are not the "
        f"median of {1e3 * usual * tick:.3f} ms, but {1e3 * steps.min() * tick:.3f} to "
        f"{1e3 * steps.max() * tick:.3f} ms",
        "Time is not frame number divided by rate; programs that assume so drift. The "
        "index keeps every frame's own time.",
        f"a copy of constant rate, whose index keeps the times: "
        f"{command('reencode', '--no-fps-keep', file.name)}"
        if much
        else "nothing; go by the timestamps",
        file.video_file.uri,
    )


def _further_videos(file: CheckedFile) -> Iterator[Finding]:
    videos = file.declared.videos
    if videos > 1:
        yield Finding(
            Severity.INFO,
            "several-videos",
            f"the file has {videos} video streams, and the first is read",
            "Other programs may choose the largest.",
            "to read another one, copy it into a file of its own, the second for instance: "
            f"ffmpeg -i {shell_words([file.name])} -map 0:v:1 -c copy second.mp4",
            file.video_file.uri,
        )


def _through_container(file: CheckedFile) -> Iterator[Finding]:
    stream = file.index.stream
    if not stream.readable_by_packet:
        yield Finding(
            Severity.WARNING,
            "through-container",
            f"packets of {stream.codec} in {stream.container} cannot be read by position",
            "Every read opens the container and seeks in it, which is slow.",
            f"{command('reencode', file.name)}, or without loss where MP4 takes the "
            f"codec: ffmpeg -i {shell_words([file.name])} -c copy copy.mp4",
            file.video_file.uri,
        )
