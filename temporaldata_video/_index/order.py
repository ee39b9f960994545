r"""Finds the order in which frames are shown: by the container's times, or by decoding.

A container's times are trusted where it has presentation times of its own, each packet has
one, and no two are equal. Everywhere else the decoder says which packets show a frame, and
in which order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .._base.container import demuxed, ffmpeg_errors, keep_to_one_thread, open_container
from ..errors import SourceError
from ..types import Packets
from .demux import MOV, Scan
from .packets import NO_TIME, SegmentIndex, increasing_dts, order_frames

if TYPE_CHECKING:
    import av

# Containers that say when a packet is shown, not only when it is decoded.
_WITH_PTS = frozenset(
    [MOV, "matroska,webm", "mpegts", "flv", "live_flv", "nut", "ogg", "ivf", "gif", "apng"]
)
_SHOW_NOTHING = frozenset(["vp8", "vp9", "av1"])
# Skips steps of decoding that the order does not depend on.
_CHEAP = {"skip_loop_filter": "all", "skip_idct": "all"}


@dataclass(frozen=True, eq=False)
class Shown:
    r"""What decoding a stream in sequence shows.

    Args:
        packets: the packet of each frame by its number in the file, in the order in which
            frames are shown, int64 of shape (n,).
        failed: packets that the decoder gave an error for, and that show nothing.
        not_keys: packets of frames that the decoder does not call key frames, bool by
            number.
    """

    packets: np.ndarray
    failed: np.ndarray
    not_keys: np.ndarray


def why_decode(scan: Scan) -> str:
    r"""Returns why the container's times cannot be trusted to give the order of frames;
    ``""`` if they can.

    Args:
        scan: the packets of the file.
    """
    stream, n = scan.stream, len(scan)
    if stream.fields:
        return "a frame may come in two packets (interlaced H.264)"
    if scan.silent.any():
        return f"{np.count_nonzero(scan.silent)} packets show nothing"
    if not scan.reorders and stream.codec not in _SHOW_NOTHING:
        if _is_cut_up(scan):
            return "an edit list cuts it into pieces"
        return ""
    if stream.container not in _WITH_PTS:
        return f"{stream.container} has no presentation times"
    pts = scan.pts[~scan.discard]
    missing = int(np.count_nonzero(scan.pts == NO_TIME))
    if missing:
        return f"{missing} of {n} packets have no presentation time"
    if _repeat(pts):
        return "several frames have the same presentation time"
    dts = scan.dts[scan.dts != NO_TIME]
    if (np.diff(dts) < 0).any():
        return "its clock steps back"
    if _is_cut_up(scan):
        return "an edit list cuts it into pieces"
    if scan.reorders and scan.delays and np.array_equal(scan.pts, scan.dts):
        return "the codec reorders frames, and the container's times don't"
    return ""


def _is_cut_up(scan: Scan) -> bool:
    # An edit list that only trims a file hides only its first and its last frames.
    hidden = scan.discard[np.argsort(scan.pts, kind="stable")]
    shown = np.flatnonzero(~hidden)
    if len(shown) == 0:
        return False
    offsets = scan.pos[scan.pos >= 0]
    repeats = scan.stream.container == MOV and _repeat(offsets)
    return repeats or bool(hidden[shown[0] : shown[-1]].any())


def decode_order(
    file: BinaryIO, uri: str, n_packets: int, advance: Callable[[int], None] | None = None
) -> Shown:
    r"""Decodes a file in sequence, with packets that carry their number.

    Args:
        file: the file, seekable and binary.
        uri: for messages.
        n_packets: number of packets that were found in the file.
        advance: called with the number of packets decoded so far.

    Raises:
        SourceError: if FFmpeg gives up on the file.
    """

    shown: list[int] = []
    failed: list[int] = []
    not_keys = np.zeros(n_packets, bool)

    def take(frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            if frame.pts is not None:
                shown.append(frame.pts)
                not_keys[frame.pts] = not frame.key_frame

    with open_container(file, uri) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        keep_to_one_thread(context)
        context.options = {**context.options, **_CHEAP}
        for number, packet in enumerate(demuxed(container, stream, uri)):
            if number >= n_packets:
                raise SourceError(
                    f"{uri!r} had {n_packets} packets and now has more: it is being "
                    f"written."
                )
            packet.pts = number
            try:
                take(context.decode(packet))
            except ffmpeg_errors():
                failed.append(number)
            if advance is not None:
                advance(number)
        with suppress(*ffmpeg_errors()):
            take(context.decode(None))
    return Shown(
        np.array(shown, np.int64),
        np.setdiff1d(np.array(failed, np.int64), shown),
        not_keys,
    )


def index_by_times(scan: Scan) -> SegmentIndex:
    r"""Returns the index of a file, with the order and times of its container.

    Args:
        scan: the packets of the file.
    """
    dts = increasing_dts(scan.dts)
    pts = scan.pts
    if (pts == NO_TIME).any():  # the codec shows frames as it decodes them
        pts = dts
    rows = np.flatnonzero(~scan.discard)
    if scan.reorders:
        rows = rows[np.argsort(pts[rows], kind="stable")]
    return _index(scan, dts, pts, rows)


def index_by_decoding(scan: Scan, shown: Shown) -> SegmentIndex:
    r"""Returns the index of a file with the order and number of frames that its decoder
    gives.

    Args:
        scan: the packets of the file.
        shown: what decoding it showed.
    """
    dts = increasing_dts(scan.dts)
    rows = shown.packets
    pts = np.where(scan.pts == NO_TIME, dts, scan.pts)
    if scan.stream.container in _WITH_PTS:
        rows = _with_failed(rows, shown.failed[~scan.discard[shown.failed]], pts)
    pts[rows] = _times(scan, dts, rows)
    silent = ~scan.discard
    silent[rows] = False
    return _index(scan, dts, pts, rows, trailing=_longest_tail(silent))


def _times(scan: Scan, dts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    # The pts of frames in the order in which they are shown.
    pts, slots = scan.pts[rows], np.sort(rows)
    has_time = pts != NO_TIME
    if scan.stream.container not in _WITH_PTS or not has_time.any():
        return dts[slots]
    if not has_time.all():
        # Frames are shown as regularly as they are decoded, and later by this delay.
        delay = int(np.median((pts - dts[slots])[has_time]))
        return np.where(has_time, pts, dts[slots] + delay)
    # Times that grow from packet to packet, and not from frame to frame, are not of frames
    # but of packets: the first frame is shown at the first of them.
    in_file = scan.pts[slots]
    return in_file if _falls(pts) > _falls(in_file) else pts


def _falls(times: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(times) < 0))


def _with_failed(rows: np.ndarray, failed: np.ndarray, pts: np.ndarray) -> np.ndarray:
    # A packet that should show a frame and does not decode keeps its place.
    for number in failed.tolist():
        after = np.flatnonzero(pts[rows] <= pts[number])
        rows = np.insert(rows, after[-1] + 1 if len(after) else 0, number)
    return rows


def _longest_tail(silent: np.ndarray) -> int:
    # The most packets without a frame between two with one, or after the last.
    others = np.flatnonzero(~silent)
    if len(others) == 0:
        return 0
    return int(np.diff(np.append(others, len(silent))).max()) - 1


def _index(
    scan: Scan, dts: np.ndarray, pts: np.ndarray, rows: np.ndarray, trailing: int = 0
) -> SegmentIndex:
    if not scan.stream.has_times:
        dts = np.rint(np.arange(len(scan)) * scan.interval).astype(np.int64)
        pts = dts.copy()
        pts[rows] = dts[: len(rows)]
    # Of hidden packets, only those that an edit list hides hold a frame of their own, from
    # which decoding can start.
    may_start = scan.discard.copy()
    may_start[rows] = True
    packets = Packets(pts, dts, scan.pos, scan.size, scan.keyframe & may_start)
    stream = replace(
        scan.stream,
        trailing=trailing,
        seekable=scan.stream.seekable and scan.stream.has_times,
        side_data=tuple(
            item._replace(dts=int(dts[item.dts])) for item in scan.stream.side_data
        ),
    )
    return order_frames(stream, packets, rows)


def _repeat(values: np.ndarray) -> bool:
    # np.unique hashes the values, which takes three times as long.
    ordered = np.sort(values, kind="stable")
    return bool((ordered[1:] == ordered[:-1]).any())
