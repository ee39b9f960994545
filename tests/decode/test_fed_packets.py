r"""What decoders are fed: packets as they lie in files, and which may be skipped."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode.decode import (
    cut_packets,
    may_skip_nonreference,
    prepared,
    skippable,
)
from temporaldata_video._decode.plan import Run, byte_ranges
from temporaldata_video._decode.read_file import VideoFile, read_frames
from temporaldata_video._pixels.convert import OutputFormat
from temporaldata_video.types import Packets, SideData, StreamInfo

STREAM = StreamInfo("mov", 0, "h264", 0, b"", Fraction(1, 30), 64, 48)
CONTENT = np.random.default_rng(0).bytes(400_000)
# In decoding order; the second one lies behind the others.
RUN = Run(
    Packets(
        np.array([0, 3, 1]),
        np.array([0, 1, 2]),
        np.array([100, 390_000, 1100]),
        np.array([1000, 70, 5]),
        np.array([True, False, False]),
    ),
    np.array([10, 13, 11]),
    np.array([True, False, True]),
)


@pytest.mark.parametrize("merge_gap", [0, 1 << 20])
@pytest.mark.parametrize("preamble", [b"", b"what comes first"])
@pytest.mark.parametrize("is_new", [True, False])
def test_packets_are_cut_out_of_what_was_read(merge_gap, preamble, is_new):
    ranges = byte_ranges([RUN], merge_gap)
    assert len(ranges) == (1 if merge_gap else 2)
    chunks = [CONTENT[start:stop] for start, stop in ranges]
    stream = replace(STREAM, preamble=preamble)
    found = list(cut_packets(ranges, chunks, RUN, stream, is_new))
    assert [packet.pts for packet in found] == [10, 13, 11]
    expected = [CONTENT[100:1100], CONTENT[390_000:390_070], CONTENT[1100:1105]]
    if is_new:
        expected[0] = preamble + expected[0]
    assert [bytes(packet) for packet in found] == expected


def hvcc(layers: int, length: int = 23) -> bytes:
    r"""A configuration record of HEVC with that many temporal layers."""
    record = bytearray(length)
    record[0] = 1
    record[20] = 0xFF
    if length > 21:
        record[21] = 0b11 << 6 | layers << 3 | 0b111
    return bytes(record)


@pytest.mark.parametrize(
    ("facts", "may_skip"),
    [
        ({}, True),
        ({"fields": True}, False),
        ({"trailing": 1}, False),
        ({"codec": "mpeg4"}, False),
        *(({"codec": "hevc", "extradata": hvcc(n)}, n == 1) for n in range(8)),
        ({"codec": "hevc", "extradata": hvcc(1, length=22)}, False),
        ({"codec": "hevc", "extradata": b"\0" + hvcc(1)[1:]}, False),
        ({"codec": "hevc"}, False),
    ],
)
def test_where_frames_may_be_skipped(facts, may_skip):
    assert may_skip_nonreference(replace(STREAM, **facts)) is may_skip


def test_nothing_behind_the_last_wanted_frame_is_skipped():
    frames = np.array([0, 3, 1, 2, 6, 4, 5, -1])
    wanted = frames == 4
    packets = Packets(*(np.zeros(8, np.int64) for _ in range(5)))
    found = skippable(Run(packets, frames, wanted))
    assert found.tolist() == [True, True, True, True, False, False, False, True]
    assert not skippable(Run(packets, frames, np.zeros(8, bool)))[:7].any()


needs_side_data = pytest.mark.skipif(
    not hasattr(av.Packet, "iter_sidedata"), reason="PyAV hands on no palettes"
)


@needs_side_data
def test_a_palette_goes_with_the_packet_that_it_is_for():
    items = tuple(SideData(dts, "palette", bytes([dts]) * 1024) for dts in (0, 1, 2, 9))
    stream = replace(STREAM, side_data=items)
    for is_new in (True, False):
        packets = [av.Packet(4) for _ in range(3)]
        fed = list(prepared(packets, RUN, stream, is_new))
        found = [[bytes(item)[0] for item in packet.iter_sidedata()] for packet in fed]
        assert found == [[0], [1], [2]]
    # A new decoder gets the last one of those before, another one has got it.
    late = replace(RUN, packets=replace(RUN.packets, dts=np.array([3, 9, 10])))
    for is_new, first in ((True, [2]), (False, [])):
        fed = list(prepared([av.Packet(4) for _ in range(3)], late, stream, is_new))
        found = [[bytes(item)[0] for item in packet.iter_sidedata()] for packet in fed]
        assert found == [first, [9], []]


@needs_side_data
@pytest.mark.parametrize("wanted", [[*range(6)], [0, 1], [1, 2, 3, 4], [4], [5]])
def test_a_palette_that_changes_inside_a_file(tmp_path, wanted):
    path, rng = tmp_path / "cam.avi", np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 64), np.uint8)
    palettes = rng.integers(0, 256, (2, 256, 4), np.uint8)
    palettes[:, :, 0] = 255
    with av.open(str(path), "w") as container:
        video = container.add_stream("rawvideo", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "pal8"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray((pixels, palettes[number // 3]), "pal8")
            frame.pts = number
            container.mux(video.encode(frame))
    segment = build_segment(LocalStore(), str(path))
    assert [item.dts for item in segment.stream.side_data] == [0, 3]
    read = np.zeros((6, 3, 48, 64), np.uint8)
    file = VideoFile(str(path), segment, LocalStore())
    assert read_frames(file, np.array(wanted), OutputFormat(), read.__getitem__) == {}
    colours = palettes[:, pixels, 1:].transpose(0, 3, 1, 2)
    for number in wanted:
        assert np.array_equal(read[number], colours[number // 3])
