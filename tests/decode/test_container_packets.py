r"""Packets out of a container are those that the index names, and a seek leads to them."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode.container_packets import open_stream
from temporaldata_video._decode.plan import plan_runs
from temporaldata_video.testing import make_clip

N = 60


@pytest.fixture(params=["cam.mp4", "cam.mkv", "cam.avi", "cam.mov"])
def path(request, tmp_path):
    # AVI has no times of presentation.
    options = {"b_frames": 0} if request.param == "cam.avi" else {}
    return make_clip(tmp_path / request.param, N, size=(32, 48), gop=12, **options)


def packets_of(path, segment, run) -> tuple[list[bytes], list[int], int]:
    r"""The bytes of a run's packets, their numbers, and how often the file was opened."""
    opened = []

    def open_file():
        opened.append(path)
        return open(path, "rb")

    with open_stream(open_file, str(path), segment) as (_, packets):
        found = [(bytes(packet), packet.pts) for packet in packets(run)]
    return [data for data, _ in found], [pts for _, pts in found], len(opened)


@pytest.mark.parametrize("frame", [0, 5, 30, 47, N - 1])
@pytest.mark.parametrize("seekable", [True, False])
def test_packets_are_those_that_the_index_names(path, frame, seekable):
    segment = build_segment(LocalStore(), str(path))
    content = path.read_bytes()
    (run,) = plan_runs(segment, np.array([frame]))
    stream = replace(segment.stream, seekable=seekable)
    found, numbers, n_opened = packets_of(path, replace(segment, stream=stream), run)
    expected = [
        content[pos : pos + size]
        for pos, size in zip(run.packets.pos.tolist(), run.packets.size.tolist())
    ]
    expected[0] = stream.preamble + expected[0]
    assert found == expected and numbers == run.frames.tolist()
    # Without a seek the file is read from its beginning, by a demuxer of its own. FFmpeg
    # does not know the dts of a Matroska packet right after a seek.
    sought = seekable and path.suffix != ".mkv"
    assert n_opened == (1 if sought else 2)


@pytest.mark.parametrize("column", ["size", "pos", "dts"])
def test_packets_that_are_not_there_are_an_error(path, column):
    segment = build_segment(LocalStore(), str(path))
    (run,) = plan_runs(segment, np.array([30]))
    table = getattr(run.packets, column).copy()
    table[0] += 7 if column == "size" else 1 << 40
    other = replace(run, packets=replace(run.packets, **{column: table}))
    if column == "size":
        with pytest.raises(tv.SourceError, match="no longer holds the packets"):
            packets_of(path, segment, other)
    else:
        # The file is read from the beginning; the sizes there are those of other packets.
        try:
            found, _, n_opened = packets_of(path, segment, other)
        except tv.SourceError:
            return
        assert n_opened == 2 and len(found) == len(run.frames)


def test_a_stream_that_is_gone_is_named(path):
    segment = build_segment(LocalStore(), str(path))
    (run,) = plan_runs(segment, np.array([0]))
    stream = replace(segment.stream, stream_index=1)
    with pytest.raises(tv.SourceError, match="no longer holds a stream 1"):
        packets_of(path, replace(segment, stream=stream), run)


def test_packets_whose_place_no_demuxer_knows_are_sought(tmp_path):
    # Of the packets that begin within one block, an MPEG program stream places the first.
    path = make_clip(
        *(tmp_path / "cam.mpg", N), size=(32, 48), gop=12, codec="mpeg2video", b_frames=0
    )
    segment = build_segment(LocalStore(), str(path))
    with av.open(str(path)) as container:
        every = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    times_opened = []
    for frame in np.flatnonzero(segment.frames.keyframe & (segment.frames.pos < 0)):
        (run,) = plan_runs(segment, np.array([frame]))
        found, _, n_opened = packets_of(path, segment, run)
        assert found == every[frame : frame + 1]
        times_opened.append(n_opened)
    # Not all blocks can be sought.
    assert 1 in times_opened
