r"""Sidecars: what is in them, which version is read, where they lie."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video.testing import make_clip
from tests.helpers import numbers

from .sidecars import CLOCK, N, index

FOUR_COLUMNS = ["segment_idx", "local_frame_idx", "pts", "timestamp"]
ALL_COLUMNS = [*FOUR_COLUMNS, "dts", "pos", "size", "keyframe"]


def test_the_columns_are_those_of_the_layout(own_clip):
    import lance

    index(own_clip, timestamps=CLOCK)
    table = lance.dataset(f"{own_clip}.lance").to_table()
    types = {name: str(table.schema.field(name).type) for name in table.schema.names}
    expected = ["int64", "int64", "int64", "double", "int64", "int64", "int32", "bool"]
    assert list(types) == ALL_COLUMNS and list(types.values()) == expected
    assert table["timestamp"].to_numpy().tolist() == CLOCK.tolist()
    assert table["local_frame_idx"].to_pylist() == list(range(N))
    pts = table["pts"].to_numpy()
    assert (np.diff(pts) > 0).all()
    keys = table["keyframe"].to_numpy(zero_copy_only=False)
    assert np.flatnonzero(keys).tolist() == list(range(0, N, 8))


def test_positions_and_sizes_are_those_of_the_packets(own_clip):
    import av

    rows = index(own_clip).segments[0].rows(0, N)
    content = own_clip.read_bytes()
    with av.open(str(own_clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == N
    for packet in packets:
        (row,) = np.flatnonzero(rows.pts == packet.pts)
        start = int(rows.pos[row])
        assert content[start : start + int(rows.size[row])] == bytes(packet)
        assert rows.dts[row] == packet.dts and rows.keyframe[row] == packet.is_keyframe


def test_what_was_written_is_read(own_clip):
    written = index(own_clip, timestamps=CLOCK)
    opened = tv.LanceFrameIndex.open(f"{own_clip}.lance")
    assert isinstance(opened, tv.FrameIndex)
    for one in (opened, pickle.loads(pickle.dumps(opened))):
        assert one == written
        assert one.segment_frame_counts().tolist() == [N]
        assert one.timestamps().tolist() == CLOCK.tolist()
        assert one.pts_table(0).tolist() == written.pts_table(0).tolist()
        assert one.segments[0].stream == written.segments[0].stream
        assert one.segments[0].fingerprint == written.segments[0].fingerprint
    with pytest.raises(ValueError, match=r"segment 1 is out of range.*1 segments"):
        opened.pts_table(1)


def test_the_header_knows_the_stream_and_the_file(own_clip):
    segment = index(own_clip).segments[0]
    assert segment.stream.codec == "h264" and segment.stream.container.startswith("mov")
    assert (segment.stream.height, segment.stream.width) == (32, 48)
    assert segment.stream.readable_by_packet and segment.stream.extradata[:1] == b"\x01"
    assert segment.fingerprint.size == own_clip.stat().st_size
    assert segment.uri == str(own_clip)


def test_the_uri_in_the_sidecar_is_relative(own_clip):
    import lance

    index(own_clip)
    metadata = lance.dataset(f"{own_clip}.lance").schema.metadata
    assert str(own_clip.parent) not in str(metadata)
    header = json.loads(metadata[b"temporaldata_video"])
    assert header["segments"][0]["uri"] == "cam.mp4"


def test_the_containers_own_clock(own_clip):
    import av

    clock = index(own_clip).timestamps()
    with av.open(str(own_clip)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert np.allclose(clock, times, rtol=0, atol=1e-9)


def test_a_further_file_follows_the_one_before(tmp_path):
    paths = [make_clip(tmp_path / name, 10, rate=10) for name in ("a.mp4", "b.mp4")]
    clock = index(paths[0], segment_uris=paths[1:]).timestamps()
    assert np.allclose(clock, np.arange(20) / 10)


@pytest.mark.parametrize("clock", [None, CLOCK])
def test_a_fresh_index_is_kept(own_clip, caplog, clock):
    first = index(own_clip, timestamps=CLOCK)
    with caplog.at_level(logging.INFO, logger="temporaldata_video"):
        again = index(own_clip, timestamps=clock)
    assert again == first
    assert f"the index {first.uri} is fresh and was kept" in caplog.text


def test_overwriting_is_asked_for(own_clip):
    first = index(own_clip, timestamps=CLOCK)
    with pytest.raises(
        tv.FrameIndexError, match=r"it has other timestamps.*overwrite=True"
    ):
        index(own_clip, timestamps=CLOCK + 1.0)
    second = index(own_clip, timestamps=CLOCK + 1.0, overwrite=True)
    assert second.timestamps().tolist() == (CLOCK + 1.0).tolist()
    assert second.index_id != first.index_id


def test_an_index_that_is_open_keeps_its_version(own_clip):
    first = index(own_clip, timestamps=CLOCK)
    other = pickle.dumps(first)
    index(own_clip, timestamps=CLOCK + 1.0, overwrite=True)
    assert first.timestamps().tolist() == CLOCK.tolist()
    assert pickle.loads(other).timestamps().tolist() == CLOCK.tolist()


def test_a_version_that_is_gone_is_stale(own_clip, run_python):
    first = index(own_clip, timestamps=CLOCK)
    shutil.rmtree(f"{own_clip}.lance")
    index(own_clip, timestamps=CLOCK + 1.0)
    # A fresh process has nothing open of the index that is gone.
    program = """
import pickle, sys
import temporaldata_video as tv
index = pickle.loads(bytes.fromhex(sys.argv[1]))
try:
    print(index.timestamps())
except tv.StaleIndexError as error:
    print("stale:", error)
"""
    said = run_python(program, pickle.dumps(first).hex())
    assert said.startswith("stale:") and "open the video again" in said


def test_an_index_elsewhere(own_clip, tmp_path):
    index(own_clip, index_uri=tmp_path / "far" / "away.lance", timestamps=CLOCK)
    video = tv.LazyVideo.from_uri(own_clip, index_uri=tmp_path / "far" / "away.lance")
    assert numbers(video.slice(11.0, 11.5)) == [8, 9, 10, 11]
    assert not Path(f"{own_clip}.lance").exists()


def test_a_place_that_cannot_be_written(own_clip, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(tv.FrameIndexError, match="index_uri"):
        index(own_clip, index_uri=tmp_path / "file" / "cam.lance")


def test_an_index_takes_the_store_of_its_reader_and_keeps_its_own(own_clip):
    first, second = LocalStore(), LocalStore()
    opened = pickle.loads(pickle.dumps(index(own_clip)))
    assert opened._place.store is None
    given = opened.with_store(first)
    assert given._place.store is first and given == opened
    assert given.with_store(second) is given
