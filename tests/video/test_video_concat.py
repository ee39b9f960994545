r"""Videos of several files, and videos joined: one video, still lazy."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import temporaldata
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import numbers

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    r"""A video cut into three files of 20, 30 and 10 frames, with one clock."""
    folder = tmp_path_factory.mktemp("segments")
    first, paths = 0, []
    for name, frames in (("cam", 20), ("cam_001", 30), ("cam_002", 10)):
        paths.append(
            make_clip(
                folder / f"{name}.mp4", frames, size=(32, 48), gop=8, first_frame=first
            )
        )
        first += frames
    tv.write_index(
        paths[0], segment_uris=paths[1:], timestamps=np.arange(60) / 10, progress=False
    )
    return paths


def test_a_video_of_several_files_is_one_video(segments):
    video = tv.LazyVideo.from_uri(segments[0])
    assert video.segment_frame_counts.tolist() == [20, 30, 10]
    assert video.segment_frame_offsets.tolist() == [0, 20, 50]
    assert numbers(video) == list(range(60))
    assert numbers(video.slice(1.75, 2.25)) == [18, 19, 20, 21, 22]
    assert read_numbers(video.frames_at([55, 3, 20, 55])).tolist() == [55, 3, 20, 55]


def test_a_video_of_several_files_is_saved_and_moved(segments, tmp_path):
    shutil.copytree(segments[0].parent, tmp_path / "here")
    video = tv.LazyVideo.from_uri(tmp_path / "here" / "cam.mp4")
    Data(video=video, domain=Interval(0.0, 6.0)).save(tmp_path / "here" / "rec.h5")
    shutil.move(tmp_path / "here", tmp_path / "there")
    loaded = Data.load(tmp_path / "there" / "rec.h5").slice(1.9, 5.2).video
    assert numbers(loaded) == list(range(19, 52))


def test_the_explicit_constructor_takes_segments(segments, tmp_path):
    index = tv.LanceFrameIndex.open(f"{segments[0]}.lance")
    video = tv.LazyVideo(segments[0], frame_index=index, segment_uris=segments[1:])
    assert numbers(video.slice(1.75, 2.25)) == [18, 19, 20, 21, 22]
    Data(video=video, domain=Interval(0.0, 6.0)).save(tmp_path / "rec.h5")
    loaded = Data.load(tmp_path / "rec.h5").video
    assert numbers(loaded.slice(1.75, 2.25)) == [18, 19, 20, 21, 22]


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    r"""Two files of one recording, each with its own index and its part of the clock."""
    folder = tmp_path_factory.mktemp("days")
    paths = []
    for number in (0, 1):
        path = make_clip(
            folder / f"part{number}.mp4", 20, size=(32, 48), first_frame=20 * number
        )
        tv.write_index(path, timestamps=2.0 * number + np.arange(20) / 10, progress=False)
        paths.append(path)
    return paths


def test_concat_merges_indexes_in_time_order(days):
    one, two = (tv.LazyVideo.from_uri(path) for path in days)
    whole = tv.concat([two, one])
    assert np.allclose(whole.timestamps, np.arange(40) / 10)
    assert numbers(whole) == list(range(40))
    # Frames are numbered in the order in which the files were given.
    assert whole.frame_indices.tolist() == [*range(20, 40), *range(20)]
    assert whole.segment_frame_counts.tolist() == [20, 20]
    assert numbers(whole.slice(1.85, 2.15)) == [19, 20, 21]


def test_concat_of_windows_of_several_files_is_saved(days, tmp_path):
    one, two = (tv.LazyVideo.from_uri(path) for path in days)
    whole = tv.concat([one.lazy_slice(1.0, 2.0), two.lazy_slice(2.0, 3.0)])
    Data(video=whole, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    for lazy in (True, False):
        loaded = Data.load(tmp_path / "rec.h5", lazy=lazy).video
        assert numbers(loaded) == list(range(10, 30))
        assert loaded.domain.start.tolist() == whole.domain.start.tolist()


def test_concat_of_one_recording_knows_its_frames_once(days):
    video = tv.LazyVideo.from_uri(days[0])
    again = tv.LazyVideo.from_uri(days[0])
    joined = tv.concat([video.lazy_slice(0.0, 1.0), again.lazy_slice(1.0, 2.0)])
    assert joined.segment_frame_counts.tolist() == [20]
    assert joined.frame_indices.tolist() == list(range(20))


def test_concat_hands_everything_else_to_the_host(data):
    early, late = (data.spikes.slice(a, a + 1.0, False) for a in (0.0, 1.0))
    ours, theirs = tv.concat([late, early]), temporaldata.concat([late, early])
    assert type(ours) is IrregularTimeSeries
    assert ours.timestamps.tobytes() == theirs.timestamps.tobytes()
    with pytest.raises(ValueError, match="same type"):
        tv.concat([data.video, data.spikes])
    with pytest.raises(NotImplementedError):
        tv.concat([data.lfp, data.lfp])


class Metadata:
    def __init__(self, recording_hash):
        self.recording_hash = recording_hash


def test_concat_refuses_what_does_not_belong_together(days):
    def opened(path=days[0], **options):
        return tv.LazyVideo.from_uri(path, **options)

    assert len(tv.concat([opened(metadata=Metadata("a")), opened(metadata=Metadata("a"))]))
    with pytest.raises(ValueError, match=r"recording_hash.*'a', 'b'"):
        tv.concat([opened(metadata=Metadata("a")), opened(days[1], metadata=Metadata("b"))])
    by_mapping = [opened(metadata={"recording_hash": name}) for name in "ab"]
    with pytest.raises(ValueError, match=r"recording_hash.*'a', 'b'"):
        tv.concat(by_mapping)
    # What says nothing contradicts nothing.
    assert len(tv.concat([by_mapping[0], opened(), opened(metadata=Metadata("a"))]))
    with pytest.raises(ValueError, match=r"resize.*\(8, 8\)"):
        tv.concat([opened(), opened(resize=(8, 8))])
    with pytest.raises(ValueError, match=r"colorspace.*'G'"):
        tv.concat([opened(), opened(colorspace="G")])
    with pytest.raises(ValueError, match=r"channel_format.*'NHWC'"):
        tv.concat([opened(), opened(channel_format="NHWC")])
    with pytest.raises(ValueError, match="at least one"):
        tv.LazyVideo.concat([])
    with pytest.raises(TypeError, match="IrregularTimeSeries"):
        tv.LazyVideo.concat([IrregularTimeSeries(np.arange(3.0), domain="auto")])


def test_files_of_different_sizes_need_a_resize(days, tmp_path):
    path = make_clip(tmp_path / "large.mp4", 5, size=(64, 64), first_frame=60)
    tv.write_index(path, timestamps=10.5 + np.arange(5) / 4, progress=False)
    joined = tv.concat([tv.LazyVideo.from_uri(p) for p in (days[0], path)])
    with pytest.raises(ValueError, match=r"different shapes.*resize"):
        joined.frames  # noqa: B018
    resized = tv.concat(
        [tv.LazyVideo.from_uri(p, resize=(48, 48)) for p in (days[0], path)]
    )
    assert numbers(resized) == [*range(20), *range(60, 65)]
