r"""What an index knows beside times is asked for by a protocol, of ours and of others."""

from __future__ import annotations

from itertools import combinations

import av
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._build.memory_build import build_memory_index
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._index.packets import segments_of
from temporaldata_video._sidecar import sidecar as sidecar_module
from temporaldata_video.testing import make_clip
from tests.helpers import right


class Times:
    r"""An index that knows no more than it must, by way of another one."""

    def __init__(self, index):
        self._index = index
        self.segment_frame_counts = index.segment_frame_counts
        self.pts_table = index.pts_table
        self.timestamps = index.timestamps


class Positions(Times):
    r"""An index that also knows packets."""

    uri, index_id, verified = "", "mine", False

    @property
    def uris(self):
        return self._index.uris

    @property
    def segments(self):
        return self._index.segments


@pytest.fixture
def sidecar(clip):
    return tv.LanceFrameIndex.open(tv.frame_index_uri(str(clip)))


def test_our_indexes_know_packets(clip, sidecar):
    with pytest.warns(tv.IndexWarning, match="built in memory"):
        built = build_memory_index(LocalStore(), [str(clip)])
    for index in (sidecar, built):
        assert isinstance(index, tv.PacketIndex)
        assert [*index.uris] == [str(clip)] and len(segments_of(index)) == 1
    assert (built.uri, built.verified) == ("", False)
    assert sidecar.verified is False


def test_the_least_of_an_index_is_no_more_than_that(clip, sidecar):
    index = Times(sidecar)
    assert isinstance(index, tv.FrameIndex) and not isinstance(index, tv.PacketIndex)
    assert segments_of(index) == ()
    assert right(tv.LazyVideo(clip, frame_index=index).slice(0.5, 1.0))


def test_the_index_of_another_is_read_by_its_packets(clip, sidecar, monkeypatch):
    index = Positions(sidecar)
    assert isinstance(index, tv.PacketIndex)
    video = tv.LazyVideo(clip, frame_index=index)

    def refuse(*_, **__):
        raise AssertionError("the container was opened")

    monkeypatch.setattr(av, "open", refuse)
    assert right(video.slice(0.5, 1.0))


@pytest.mark.parametrize("chunk_rows", [1, 7, 39, 40, 41])
def test_any_rows_are_those_of_the_whole_table(tmp_path, monkeypatch, chunk_rows):
    # As in a recording of hours, of which only a part is read.
    monkeypatch.setattr(sidecar_module, "_CHUNK_ROWS", chunk_rows)
    paths = [make_clip(tmp_path / name, 20, size=(32, 32)) for name in ("a.mp4", "b.mp4")]
    written = tv.write_index(paths[0], segment_uris=paths[1:], progress=False)
    own = [build_segment(LocalStore(), str(path)).frames for path in paths]
    opened = tv.LanceFrameIndex.open(f"{paths[0]}.lance")
    assert opened.timestamps().tolist() == written.timestamps().tolist()
    for segment, frames in zip(opened.segments, own):
        for start, stop in combinations(range(len(frames) + 1), 2):
            rows = segment.rows(start, stop)
            for name in ("pts", "dts", "pos", "size", "keyframe"):
                expected = getattr(frames, name)[start:stop]
                assert getattr(rows, name).tolist() == expected.tolist()
