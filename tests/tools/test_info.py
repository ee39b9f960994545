r"""What a video is, of a video and of a recording; commands take either."""

from __future__ import annotations

import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._tools.named_videos import named_videos
from temporaldata_video.testing import make_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    r"""Two cameras, and recordings of one of them and of both."""
    folder = tmp_path_factory.mktemp("named")
    videos = {}
    for name, n_frames in (("face", 20), ("body", 30)):
        clip = make_clip(folder / f"{name}.mp4", n_frames, size=(32, 32), rate=10)
        tv.write_index(clip, progress=False)
        videos[name] = tv.LazyVideo.from_uri(clip)
    domain = Interval(0.0, 3.0)
    Data(face=videos["face"], domain=domain).save(folder / "one.h5")
    nested = Data(body=videos["body"], domain=domain)
    Data(face=videos["face"], behavior=nested, domain=domain).save(folder / "two.h5")
    Data(domain=domain).save(folder / "none.h5")
    return folder


def test_facts_of_a_video(folder):
    found = tv.info(folder / "face.mp4")
    assert found.uri == str(folder / "face.mp4") and not found.changed
    assert found.facts["frames"] == "20" and found.facts["size"] == "32 x 32"
    assert found.facts["rate"] == "10.000 frames/s (median)"


def test_facts_of_the_video_of_a_recording(folder):
    assert tv.info(folder / "one.h5").facts["frames"] == "20"
    assert tv.info(f"{folder}/two.h5:behavior.body").facts["frames"] == "30"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("two.h5", r"several videos. Name one: .*two\.h5:face|behavior\.body"),
        ("two.h5:tail", r"has no video 'tail'; it has .*face"),
        ("none.h5", "points to no video"),
        ("none.h5:face", "points to no video"),
    ],
)
def test_a_recording_without_the_one_video(folder, name, says):
    with pytest.raises(ValueError, match=says):
        tv.info(f"{folder}/{name}")


def test_options_of_a_video_do_not_go_with_a_recording(folder):
    with pytest.raises(ValueError, match="index_uri is for a video, and"):
        tv.info(folder / "one.h5", index_uri="cam.lance")


def test_a_recording_stands_for_all_of_its_videos(folder):
    found = named_videos(folder / "two.h5", index_uri=None)
    assert sorted(found) == ["behavior.body", "face"]
    assert list(named_videos(folder / "face.mp4")) == [""]


def test_what_is_not_there(folder):
    with pytest.raises(tv.SourceNotFoundError, match=r"there is no file .*none\.mp4"):
        tv.info(folder / "none.mp4")


def test_facts_of_joined_videos(folder, tmp_path):
    video = tv.concat(
        [tv.LazyVideo.from_uri(folder / f"{n}.mp4") for n in ("face", "body")]
    )
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    facts = tv.info(tmp_path / "rec.h5").facts
    assert facts["segments"] == "2, of 20, 30 frames"
    assert "face.mp4.lance" in facts["sidecar"] and "body.mp4.lance" in facts["sidecar"]
