r"""What an index says of its file as a whole: how many frames are missing."""

from __future__ import annotations

import struct

import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video.testing import make_clip

from ..bytes.fetching import LoggingStore
from ..helpers import say_that_some_are_key_frames

N = 30


def test_a_sample_without_bytes_is_no_missing_frame(tmp_path):
    # Cameras write such samples where they drop a frame. The file itself is whole.
    path = make_clip(tmp_path / "cam.mp4", N, size=(32, 48), gop=10, b_frames=0)
    data = bytearray(path.read_bytes())
    sizes = data.find(b"stsz") + 16
    assert struct.unpack_from(">I", data, sizes - 4) == (N,)
    struct.pack_into(">I", data, sizes + 4 * (N - 1), 0)
    path.write_bytes(data)
    segment = build_segment(LocalStore(), str(path))  # a warning would be an error
    assert len(segment) == N - 1 and segment.missing_packets == 0


def test_frames_behind_the_end_of_a_file_are_counted(tmp_path):
    options = {"movflags": "faststart"}
    path = make_clip(
        tmp_path / "cam.mp4", N, size=(32, 48), gop=10, container_options=options
    )
    whole = build_segment(LocalStore(), str(path))
    in_file = sorted(zip(whole.frames.pos.tolist(), whole.frames.size.tolist()))
    kept = 20
    with open(path, "r+b") as file:
        file.truncate(in_file[kept - 1][0] + in_file[kept - 1][1])
    with pytest.warns(tv.IndexWarning, match=f"declares {N - kept} frames more.*cut off"):
        cut = build_segment(LocalStore(), str(path))
    assert cut.missing_packets == N - kept and len(cut) <= kept


@pytest.mark.parametrize("lasting", [True, False])
def test_an_index_that_is_kept_is_tried_wherever_its_file_lies(tmp_path, lasting):
    path = make_clip(tmp_path / "cam.mp4", 48, size=(32, 48), gop=12, codec="mpeg4")
    say_that_some_are_key_frames(path, [3, 18, 42])
    store = LoggingStore(str(path), str(tmp_path / "log"))
    segment = build_segment(store, str(path), lasting=lasting)
    # An index that is gone with the process costs no more than the header of the file.
    assert bool(segment.false_keys) == lasting
