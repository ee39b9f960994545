r"""When a container's times are believed, and what the decoder says where they are not."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from temporaldata_video._index.demux import Scan, scan_file
from temporaldata_video._index.order import (
    Shown,
    decode_order,
    index_by_decoding,
    index_by_times,
    why_decode,
)
from temporaldata_video._index.packets import NO_TIME
from temporaldata_video.testing import make_clip
from temporaldata_video.types import StreamInfo

STREAM = StreamInfo("matroska,webm", 0, "h264", 0, b"", Fraction(1, 1000), 64, 48)
# I P B B P B B, in the order of decoding.
PTS = np.array([0, 3, 1, 2, 6, 4, 5]) * 40


def scanned(pts=PTS, dts=None, **facts) -> Scan:
    n = len(pts)
    flags = np.zeros(n, bool)
    values = {
        "stream": STREAM,
        "pts": np.array(pts),
        "dts": np.arange(n) * 40 - 80 if dts is None else np.array(dts),
        "pos": np.arange(n) * 100,
        "size": np.full(n, 100),
        "keyframe": np.arange(n) == 0,
        "discard": flags,
        "silent": flags,
        "declared_frames": 0,
        "reorders": True,
        "delays": True,
        "intra_only": False,
        "interval": 40.0,
    }
    return Scan(**(values | facts))


def shown(*packets: int, failed=()) -> Shown:
    n = max((*packets, *failed)) + 1
    return Shown(np.array(packets), np.array(failed, np.int64), np.zeros(n, bool))


def at(*places: int, n: int = 7) -> np.ndarray:
    return np.isin(np.arange(n), places)


@pytest.mark.parametrize(
    ("reason", "facts"),
    [
        ("", {}),
        ("", {"discard": at(0, 2)}),
        ("", {"discard": at(4, 6)}),
        ("two packets", {"stream": replace(STREAM, fields=True)}),
        ("show nothing", {"silent": at(3)}),
        ("avi has no presentation times", {"stream": replace(STREAM, container="avi")}),
        ("1 of 7 packets have no", {"pts": np.where(at(2), NO_TIME, PTS)}),
        ("same presentation time", {"pts": PTS // 80 * 80}),
        ("clock steps back", {"dts": [0, 40, 80, 120, 40, 80, 120]}),
        ("cuts it into pieces", {"discard": at(2, 3)}),
        ("cuts it into pieces", {"discard": at(5)}),
        ("the codec reorders", {"pts": np.arange(7) * 40, "dts": np.arange(7) * 40}),
    ],
    ids=str,
)
def test_times_are_believed_where_nothing_speaks_against_them(reason, facts):
    found = why_decode(scanned(**facts))
    assert reason in found and bool(reason) == bool(found)


def test_a_codec_that_never_reorders_needs_no_times():
    avi = replace(STREAM, container="avi", codec="mjpeg")
    scan = scanned([NO_TIME] * 7, np.arange(7), stream=avi, reorders=False)
    assert why_decode(scan) == ""
    assert index_by_times(scan).frames.pts.tolist() == list(range(7))


def test_packets_that_the_decoder_says_nothing_of_are_hidden():
    index = index_by_decoding(scanned(keyframe=at(0, 3)), shown(0, 2, 1, 5, 4))
    assert index.frames.pos.tolist() == [0, 200, 100, 500, 400]
    assert index.hidden.pos.tolist() == [300, 600]
    # It is no frame, and nobody can start there.
    assert not index.hidden.keyframe.any()
    assert index.stream.trailing == 1 and index.stream.reorder == 1


def test_what_an_edit_list_hides_can_be_started_at():
    index = index_by_decoding(scanned(discard=at(0)), shown(2, 3, 1, 5, 6, 4))
    assert index.hidden.keyframe.tolist() == [True]
    assert index.stream.trailing == 0


def test_a_packet_with_an_error_keeps_its_place():
    index = index_by_decoding(scanned(), shown(0, 2, 1, 5, 6, 4, failed=[3]))
    assert index.frames.pts.tolist() == sorted(PTS)
    nowhere = scanned(stream=replace(STREAM, container="avi"))
    assert len(index_by_decoding(nowhere, shown(0, 2, 1, 5, 6, 4, failed=[3]))) == 6


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        (PTS, sorted(PTS)),
        # Times of packets, that grow in the order of the file.
        (np.arange(7) * 40, np.arange(7) * 40),
        # A clock that starts again stays as it is.
        ([0, 120, 40, 80, 120, 0, 40], [0, 40, 80, 120, 0, 40, 120]),
        # Coarse ticks repeat.
        (PTS // 80, [0, 0, 1, 1, 2, 2, 3]),
        # A missing time is that of the packet, as late as the others are.
        (np.where(at(3), NO_TIME, PTS), [0, 40, 80, 120, 160, 200, 240]),
    ],
    ids=str,
)
def test_the_times_of_frames_in_the_order_of_the_decoder(pts, expected):
    index = index_by_decoding(scanned(pts), shown(0, 2, 3, 1, 5, 6, 4))
    assert index.frames.pts.tolist() == list(expected)


def test_times_that_repeat_do_not_fall():
    # In the order of the file they fall once, in that of the decoder never.
    index = index_by_decoding(scanned([0, 40, 40, 0, 40]), shown(0, 3, 2, 4, 1))
    assert index.frames.pts.tolist() == [0, 0, 40, 40, 40]


def test_an_elementary_stream_is_laid_out_at_its_rate():
    stream = replace(STREAM, container="h264", has_times=False)
    scan = scanned([NO_TIME] * 7, [NO_TIME] * 7, stream=stream, interval=33.3)
    index = index_by_decoding(scan, shown(0, 2, 3, 1, 5, 6, 4))
    assert index.frames.pts.tolist() == [0, 33, 67, 100, 133, 166, 200]
    assert index.frames.pos.tolist() == [0, 200, 300, 100, 500, 600, 400]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_decoder_agrees_with_true_times(tmp_path, b_frames):
    path = make_clip(tmp_path / "cam.mp4", 40, size=(32, 48), gop=8, b_frames=b_frames)
    data = path.read_bytes()
    scan = scan_file(io.BytesIO(data), io.BytesIO(data), "cam.mp4")
    order = decode_order(io.BytesIO(data), "cam.mp4", len(scan))
    assert not len(order.failed) and len(order.packets) == 40
    by_times, by_decoding = index_by_times(scan), index_by_decoding(scan, order)
    for column in ("pts", "dts", "pos", "size", "keyframe"):
        assert np.array_equal(
            getattr(by_times.frames, column), getattr(by_decoding.frames, column)
        )
    assert by_times.stream == by_decoding.stream
