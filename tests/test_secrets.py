r"""Storage options never reach a printed line, an error, a pickle, a sidecar or HDF5."""

from __future__ import annotations

import pickle
import traceback

import fsspec
import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore
from tests.helpers import numbers

SECRET = "hunter2-very-secret"


@pytest.fixture
def secret_options(clip):
    fsspec.filesystem("memory").pipe("/lab/cam.mp4", clip.read_bytes())
    yield {"token": SECRET}
    fsspec.filesystem("memory").rm("/lab", recursive=True)


def test_storage_options_are_shown_nowhere(secret_options, tmp_path, capfd):
    uri, index_uri = "memory://lab/cam.mp4", tmp_path / "cam.lance"
    index = tv.write_index(
        uri, storage_options=secret_options, index_uri=index_uri, progress=False
    )
    video = tv.LazyVideo.from_uri(uri, storage_options=secret_options, index_uri=index_uri)
    window = video.slice(1.0, 1.1)
    assert numbers(window) == [30, 31, 32]
    recording = video._recording
    shown = [repr(index), repr(video), str(window), repr(recording), repr(recording.parts)]
    shown += [repr(recording.parts[0].reader), repr(recording.files), str(video.metadata)]
    Data(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path
    shown += capfd.readouterr()
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    "uri", ["memory://lab/none.mp4", "memory://lab", "nowhere://cam.mp4"]
)
def test_errors_do_not_tell_secrets(secret_options, uri):
    with pytest.raises(tv.VideoError) as raised:
        tv.LazyVideo.from_uri(uri, storage_options=secret_options)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_a_damaged_remote_video_does_not_tell_secrets(secret_options, tmp_path):
    uri, options = "memory://lab/cam.mp4", {"storage_options": secret_options}
    index_uri = tmp_path / "cam.lance"
    tv.write_index(uri, index_uri=index_uri, progress=False, **options)
    video = tv.LazyVideo.from_uri(uri, index_uri=index_uri, **options)
    fsspec.filesystem("memory").pipe("/lab/cam.mp4", b"short")
    with pytest.raises(tv.StaleIndexError) as raised:
        video.frames  # noqa: B018
    assert SECRET not in str(raised.value) and uri in str(raised.value)


def test_the_secret_of_s3_is_kept(s3, clip, tmp_path, monkeypatch):
    uri = s3.put("lab/secrets/cam.mp4", clip.read_bytes())
    options = {**s3.options(), "secret": SECRET}
    tv.write_index(uri, storage_options=options, progress=False)
    video = tv.LazyVideo.from_uri(uri, storage_options=options)
    assert SECRET not in repr(video) + repr(video._recording) + repr(video._recording.parts)
    Data(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    assert SECRET.encode() not in (tmp_path / "rec.h5").read_bytes()
    sidecar = [n for n in s3.names("lab") if n.startswith("secrets/cam.mp4.lance/")]
    assert sidecar
    for name in sidecar:
        body = s3.client().get_object(Bucket="lab", Key=name)["Body"].read()
        assert SECRET.encode() not in body
    monkeypatch.setenv("TEMPORALDATA_VIDEO_RETRIES", "0")
    unreachable = {**options, "endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(tv.VideoError) as caught:
        tv.LazyVideo.from_uri(uri, storage_options=unreachable)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_pickled_index_holds_no_secret(clip):
    store = FsspecStore("memory", {"secret": SECRET})
    index = tv.LanceFrameIndex.open(f"{clip}.lance", store)
    pickled = pickle.dumps(index)
    assert SECRET.encode() not in pickled and SECRET not in repr(index)
    again = pickle.loads(pickled)
    assert again == index and np.array_equal(again.timestamps(), index.timestamps())
    video = pickle.loads(pickle.dumps(tv.LazyVideo(clip, frame_index=again)))
    assert video.frames.shape == (120, 3, 64, 96)
