r"""Videos that changed, moved or were mixed up: the right frames or the right error."""

from __future__ import annotations

import os
import shutil

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import numbers


@pytest.fixture
def pair(tmp_path):
    r"""Two files of one recording, and their index."""
    files = [
        make_clip(tmp_path / name, 24, size=(32, 32), first_frame=first)
        for name, first in (("cam.mp4", 0), ("cam_001.mp4", 24))
    ]
    tv.write_index(files[0], segment_uris=files[1:], progress=False)
    return files


def shown_by(path) -> list[int]:
    return numbers(tv.LazyVideo.from_uri(path))


def remux(path):
    r"""Puts the same packets into a file of another layout."""
    new = path.with_name("remuxed.mp4")
    with (
        av.open(str(path)) as source,
        av.open(str(new), "w", options={"movflags": "frag_keyframe+empty_moov"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    os.replace(new, path)


def append(path):
    with open(path, "ab") as file:
        file.write(b"\0\0\0\x10free" + bytes(8))


def swap(path):
    other = path.with_name("cam_001.mp4")
    aside = path.with_name("aside")
    os.replace(path, aside)
    os.replace(other, path)
    os.replace(aside, other)


@pytest.mark.parametrize("change", [remux, append, swap])
@pytest.mark.parametrize("open_before", [False, True])
def test_a_video_that_is_another_one_is_refused(pair, change, open_before):
    video = tv.LazyVideo.from_uri(pair[0])
    if open_before:
        assert read_numbers(video.frames_at([0, 30])).tolist() == [0, 30]
    change(pair[0])
    for again in (video, tv.LazyVideo.from_uri(pair[0])):
        with pytest.raises(tv.StaleIndexError, match="index --overwrite"):
            again.frames_at([0, 30])


def test_only_the_second_file_is_stale(pair):
    append(pair[1])
    video = tv.LazyVideo.from_uri(pair[0])
    assert read_numbers(video.frames_at(np.arange(24))).tolist() == list(range(24))
    with pytest.raises(tv.StaleIndexError, match=r"cam_001\.mp4"):
        video.frames_at([24])


@pytest.mark.parametrize("n_frames", [24, 30])
def test_the_sidecar_of_another_video(tmp_path, n_frames):
    cam = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
    other = make_clip(tmp_path / "other.mp4", n_frames, size=(32, 32), first_frame=100)
    tv.write_index(cam, progress=False)
    shutil.copytree(f"{cam}.lance", f"{other}.lance")
    with pytest.raises(tv.StaleIndexError, match="made for another file"):
        shown_by(other)
    assert shown_by(cam) == list(range(24))


def test_a_video_renamed_with_its_sidecar(tmp_path):
    cam = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
    tv.write_index(cam, progress=False)
    os.replace(cam, tmp_path / "mouse7.mp4")
    os.replace(f"{cam}.lance", tmp_path / "mouse7.mp4.lance")
    make_clip(cam, 24, size=(32, 32), first_frame=100)  # another one under the old name
    assert shown_by(tmp_path / "mouse7.mp4") == list(range(24))


def test_a_sidecar_in_the_place_of_a_link(tmp_path):
    cam = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "cam.mp4"
    link.symlink_to(cam)
    tv.write_index(link, progress=False)
    assert shown_by(link) == list(range(24))
    make_clip(cam, 24, size=(32, 32), first_frame=50)
    with pytest.raises(tv.StaleIndexError):
        shown_by(link)
