r"""Indexes one file: FFmpeg demuxes it, the order is settled, and frames are read back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import BinaryIO, cast

import numpy as np

from .._base.user_warnings import warn_user
from .._base.fork_safety import kept_property
from ..errors import IndexWarning, SourceError, VideoError
from .._index.demux import MOV, Scan, scan_file, scan_header
from .._index.headerfile import HeaderFile
from .._index.order import decode_order, index_by_decoding, index_by_times, why_decode
from .._index.packets import SegmentIndex
from .._base.uris import file_name, shown_uri
from .._bytes.fetch import ranged
from .._bytes.fingerprint import take_fingerprint
from .._decode.read_file import VideoFile
from .._bytes.local import LocalStore
from .._decode.keyframes import Proof, prove
from .._base.progress import progress_bar
from .readback import ODD_BUDGET, Fault, find_fault, is_damaged, plain_budget
from ..types import Fingerprint, ObjectStore, SegmentPackets

_LOG = logging.getLogger("temporaldata_video")
_METHODS = ("auto", "header", "demux")
# Files below this size are indexed before a progress bar could be read.
_PROGRESS_FROM_BYTES = 64 * 1024 * 1024


def build_segment(
    store: ObjectStore,
    uri: str,
    *,
    method: str = "auto",
    progress: bool = False,
    lasting: bool = True,
    thorough: bool = False,
) -> SegmentIndex:
    r"""Returns the index of one file, fingerprint included.

    This reads frames back by the index, and compares them with a sequential decode.

    Args:
        store: reads the file.
        uri: where the file lies.
        method: ``"header"``, ``"demux"`` or ``"auto"``.
        progress: show a progress bar for a long file.
        lasting: whether the index shall hold for copies of the file, too; this reads the
            edges of the file.
        thorough: decode everything to get the order of frames, whatever the container says.

    Raises:
        ValueError: if the method is none of these.
        SourceError: if the file is no video, cannot be read frame by frame, or its header
            alone is not enough.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}.")
    fingerprint = take_fingerprint(store, uri, lasting)
    if fingerprint.size == 0:
        raise SourceError(f"{uri!r} is empty; check that it was copied whole.")
    file = _File(store, uri, fingerprint, progress)
    scan, reason = None, ""
    if method != "demux":
        scan, reason = file.scan_header()
    if method == "header" and (scan is None or reason):
        raise SourceError(
            f"{uri!r} cannot be indexed from its header: "
            f"{reason or 'it is no MP4, MOV or 3GP file'}. Use method='demux'."
        )
    if scan is None or reason or thorough:
        scan = file.scan()
        reason = why_decode(scan) or ("the user asked for it" if thorough else "")
    segment = file.index_by_decoding(scan, reason) if reason else index_by_times(scan)
    if not len(segment) or not segment.stream.width:
        raise SourceError(
            f"{uri!r} has a video stream in which no frame can be found. If it is a "
            f"reference movie, whose media lie in other files, index those."
        )
    segment = file.finished(segment, scan)
    # To open a plain remote file, only its header is read.
    if lasting or reason or isinstance(store, LocalStore):
        segment = file.tried(segment, scan, bool(reason))
    if segment.missing_packets:
        warn_user(
            f"{uri!r} declares {segment.missing_packets} frames more than it holds: it was "
            f"cut off. The {len(segment)} frames that are there are indexed.",
            IndexWarning,
        )
    return segment


@dataclass(frozen=True)
class _File:
    # A file that is being indexed.
    store: ObjectStore
    uri: str
    fingerprint: Fingerprint
    progress: bool

    @kept_property
    def header(self) -> HeaderFile:
        etag = self.fingerprint.etag or None

        def read(start: int, length: int) -> bytes:
            return ranged(self.store).read_range(self.uri, start, length, etag)

        return HeaderFile(read, self.fingerprint.size, file_name(self.uri))

    def scan_header(self) -> tuple[Scan | None, str]:
        scan = scan_header(self.header, self.uri)
        if scan is None:
            return None, ""
        if scan.keyframe.all() and len(scan) > 1 and not scan.intra_only:
            return scan, "it calls every frame a key frame"
        return scan, why_decode(scan)

    def scan(self) -> Scan:
        with (
            self.store.open(self.uri) as file,
            self.store.open(self.uri) as check,
            self._bar("", self.fingerprint.size) as advance,
        ):
            return scan_file(file, check, self.uri, advance)

    def index_by_decoding(self, scan: Scan, reason: str) -> SegmentIndex:
        _LOG.info(
            "%s is decoded once to learn the order of its frames: %s", self.uri, reason
        )
        with (
            self.store.open(self.uri) as file,
            self._bar(f" (decoded once: {reason})", len(scan)) as advance,
        ):
            shown = decode_order(file, self.uri, len(scan), advance)
        if not len(shown.packets):
            raise _undecodable(self.uri, len(scan))
        numbers, times = np.unique(shown.packets, return_counts=True)
        if times.max() > 1:
            raise SourceError(
                f"{self.uri!r} cannot be indexed: its packet {numbers[times.argmax()]} "
                f"shows {times.max()} frames, as if a key frame before it were missing. "
                f"Re-encode it: ffmpeg -i FILE -c:v libx264 -crf 17 copy.mp4"
            )
        segment = index_by_decoding(scan, shown)
        stream = replace(segment.stream, decoded_for=reason)
        segment = replace(segment, stream=stream)
        if (scan.keyframe & shown.not_keys)[shown.packets].any():
            segment = self.proven(segment)
        return segment

    def proven(self, segment: SegmentIndex) -> SegmentIndex:
        finished = replace(segment, fingerprint=self.fingerprint)
        proof = prove_segment(self.store, self.uri, finished, self.progress)
        proven = with_proof(segment, proof)
        false = int(np.count_nonzero(segment.frames.keyframe & ~proven.frames.keyframe))
        return replace(proven, false_keys=segment.false_keys + false)

    def finished(self, segment: SegmentIndex, scan: Scan) -> SegmentIndex:
        end = int((scan.pos + scan.size).max())
        cut_off = end >= self.fingerprint.size and scan.stream.container == MOV
        missing = max(0, scan.declared_frames - len(scan)) if cut_off else 0
        return replace(segment, fingerprint=self.fingerprint, missing_packets=missing)

    def tried(self, segment: SegmentIndex, scan: Scan, decoded: bool) -> SegmentIndex:
        # Each remedy costs more than the one before.
        plain = not (decoded or len(segment.hidden) or segment.stream.side_data)
        budget = plain_budget(segment) if plain else ODD_BUDGET
        # Where everything was decoded, it is known what the decoder calls key frames.
        fault = self.fault(segment, budget, proven=decoded)
        if fault and fault.kind == "order" and not decoded:
            scan = self.scan()
            segment = self.finished(self.index_by_decoding(scan, fault.what), scan)
            fault = self.fault(segment, proven=True)
        before = segment
        if fault and fault.kind == "nothing":
            raise _undecodable(self.uri, len(scan))
        if fault:
            segment = self.finished(self.proven(segment), scan)
            fault = self.fault(segment, proven=True)
        if fault and segment.stream.readable_by_packet:
            stream = replace(segment.stream, readable_by_packet=False)
            segment = replace(segment, stream=stream)
            fault = self.fault(segment, proven=True)
        if fault and fault.row >= 0 and is_damaged(self.video_file(before), fault.row):
            warn_user(
                f"{self.uri!r} is damaged: {fault.what} when it is read by itself, since "
                f"the decoder makes up what is damaged. To see all damage, run: "
                f"temporaldata-video check --decode {shown_uri(self.uri)}",
                IndexWarning,
            )
            return before
        if fault:
            raise SourceError(
                f"{self.uri!r} cannot be read frame by frame: {fault.what}. A newer PyAV "
                f"than {version('av')} may do it; otherwise re-encode it: "
                f"ffmpeg -i FILE -c:v libx264 -crf 17 copy.mp4"
            )
        return segment

    def fault(
        self, segment: SegmentIndex, budget: int = ODD_BUDGET, proven: bool = False
    ) -> Fault | None:
        # A header is read once; the store opens other files by itself.
        is_mov = segment.stream.container == MOV
        opened = (lambda: cast(BinaryIO, self.header.reopen())) if is_mov else None
        return find_fault(self.video_file(segment), budget, opened, proven=proven)

    def video_file(self, index: SegmentIndex) -> VideoFile:
        return VideoFile(self.uri, index, ranged(self.store))

    def _bar(
        self, why: str, total: int
    ) -> AbstractContextManager[Callable[[int], None] | None]:
        label = file_name(self.uri) + why
        shown = self.progress and self.fingerprint.size >= _PROGRESS_FROM_BYTES
        return progress_bar(label, total, shown)


def _undecodable(uri: str, n_packets: int) -> SourceError:
    return SourceError(
        f"{uri!r} has {n_packets} packets, and none of those tried decodes. It is damaged, "
        f"encrypted, or of a kind that this FFmpeg cannot decode. See what FFmpeg says: "
        f"ffmpeg -v error -i FILE -f null -"
    )


def count_frames(store: ObjectStore, uri: str) -> int | None:
    r"""Returns how many frames a file has by its header; :obj:`None` if that doesn't say.

    Args:
        store: reads the file.
        uri: where the file lies.
    """
    try:
        fingerprint = take_fingerprint(store, uri, lasting=False)
        scan, reason = _File(store, uri, fingerprint, False).scan_header()
    except (VideoError, OSError):
        return None
    return None if scan is None or reason else int(np.count_nonzero(~scan.discard))


def clock_trouble(segment: SegmentPackets) -> str:
    r"""Returns what is wrong with a container's own clock, as a sentence without its
    subject; ``""`` if nothing is.

    Args:
        segment: the index of a file.
    """
    stream, pts = segment.stream, segment.rows(0, len(segment)).pts
    if not stream.has_times:
        interval = float(np.median(np.diff(pts)) * stream.time_base) if len(pts) > 1 else 0
        at = f" at {1 / interval:.6g} frames/s" if interval else ""
        return (
            f"is a {stream.container} stream, which holds no times: its frames are laid "
            f"out{at}, the rate that the stream states or FFmpeg assumes."
        )
    back = int(np.count_nonzero(np.diff(pts) < 0))
    if back:
        return (
            f"has a clock that steps back {back} times: recordings were joined, or a clock "
            f"was set. Its frames are numbered in the order of the file and keep its "
            f"times, so that a window of time may hold frames of several parts."
        )
    return ""


def prove_segment(
    store: ObjectStore, uri: str, segment: SegmentIndex, progress: bool
) -> Proof:
    r"""Returns what decoding a file, in sequence and from each key frame, proves.

    Args:
        store: reads the file.
        uri: where the file lies.
        segment: its index.
        progress: show a progress bar for a long file.
    """
    label = file_name(uri)
    shown = progress and store.head(uri).size >= _PROGRESS_FROM_BYTES // 16
    with progress_bar(label, 2 * len(segment), shown) as advance:
        return prove(VideoFile(uri, segment, ranged(store)), advance)


def with_proof(segment: SegmentIndex, proof: Proof) -> SegmentIndex:
    r"""Returns an index whose key frames are those that were proven.

    Args:
        segment: the index of a file.
        proof: what decoding it proved.
    """
    hidden = segment.hidden
    return replace(
        segment,
        frames=replace(segment.frames, keyframe=proof.entries),
        hidden=replace(hidden, keyframe=hidden.keyframe & proof.hidden_entry),
    )
