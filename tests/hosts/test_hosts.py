r"""Every host has a lazy video of its own; files and videos pass from one to the other."""

from __future__ import annotations

import copy
import importlib
import pickle
import types

import numpy as np
import pytest
import temporaldata

import temporaldata_video as tv
from temporaldata_video.testing import LFP_RATE, read_numbers

SECONDS = 6.0
NAMES = ["temporaldata", "torch_brain.data"]

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")


def host_named(name: str) -> types.SimpleNamespace:
    r"""The classes of a host; without it the test is skipped."""
    if name == "temporaldata":
        return types.SimpleNamespace(**vars(temporaldata), LazyVideo=tv.LazyVideo)
    try:
        package = importlib.import_module(name)
    except ImportError:
        package = None
    if not hasattr(package, "IrregularTimeSeries"):
        pytest.skip("torch_brain 0.2 or later is not installed")
    ours = importlib.import_module("temporaldata_video.hosts.torch_brain")
    return types.SimpleNamespace(**vars(package), LazyVideo=ours.LazyVideo)


@pytest.fixture(params=NAMES)
def host(request):
    return host_named(request.param)


@pytest.fixture(params=[NAMES, NAMES[::-1]], ids="from {0[0]}".format)
def pair(request):
    r"""One host, and the other."""
    return [host_named(name) for name in request.param]


def make_data(host, recording, **options):
    domain = host.Interval(0.0, SECONDS)
    spikes = host.IrregularTimeSeries(
        timestamps=recording.spike_timestamps,
        unit_index=recording.spike_unit_index,
        domain=domain,
    )
    lfp = host.RegularTimeSeries(raw=recording.lfp, sampling_rate=LFP_RATE, domain="auto")
    video = host.LazyVideo.from_uri(recording.video, **options)
    behavior = host.Data(video=copy.copy(video), domain=domain)
    return host.Data(
        session="day1",
        spikes=spikes,
        lfp=lfp,
        video=video,
        behavior=behavior,
        domain=domain,
    )


def assert_window(host, video, clock, start, end, origin) -> None:
    expected = np.flatnonzero((clock >= start) & (clock < end))
    assert type(video) is host.LazyVideo and isinstance(video, host.IrregularTimeSeries)
    assert type(video.domain) is host.Interval
    assert video.frame_indices.tolist() == expected.tolist()
    assert np.allclose(video.timestamps, clock[expected] - origin, rtol=0, atol=1e-12)
    assert read_numbers(video.frames).tolist() == expected.tolist()


# A video of its own ---------------------------------------------------------------------


def test_a_slice_cuts_every_modality(host, recording, clock):
    sample = make_data(host, recording).slice(1.0, 2.5)
    assert_window(host, sample.video, clock, 1.0, 2.5, 1.0)
    assert_window(host, sample.behavior.video, clock, 1.0, 2.5, 1.0)
    assert len(sample.lfp) == round(1.5 * LFP_RATE)
    inner = sample.slice(0.5, 1.0)
    assert_window(host, inner.video, clock, 1.5, 2.0, 1.5)


@pytest.mark.parametrize("lazy", [True, False])
def test_saved_and_loaded(host, recording, clock, tmp_path, lazy):
    make_data(host, recording, resize=(64, 64)).save(tmp_path / "rec.h5")
    loaded = host.Data.load(tmp_path / "rec.h5", lazy=lazy)
    assert loaded.video.resize == (64, 64)
    assert_window(host, loaded.slice(2.0, 3.0).video, clock, 2.0, 3.0, 2.0)
    assert_window(host, loaded.slice(2.0, 3.0).behavior.video, clock, 2.0, 3.0, 2.0)


def test_all_that_a_series_can_do(host, recording, clock):
    video = host.LazyVideo.from_uri(recording.video)
    inside = (clock >= 1.0) & (clock < 2.0)
    assert_window(host, video.select_by_mask(inside), clock, 1.0, 2.0, 0.0)
    interval = host.Interval(np.array([1.0]), np.array([2.0]))
    assert_window(host, video.select_by_interval(interval), clock, 1.0, 2.0, 0.0)
    assert_window(host, video.lazy_slice(1.0, 2.0), clock, 1.0, 2.0, 0.0)
    window = video.slice(1.0, 2.0)
    for made in (copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))):
        assert_window(host, made(window), clock, 1.0, 2.0, 1.0)
    assert "frames=[30, 3, 64, 96]" in repr(window)
    resampled = window.resample(np.arange(10) / 10)
    assert type(resampled) is host.LazyVideo and resampled.shape == (10, 3, 64, 96)
    shown = np.searchsorted(clock, 1.0 + np.arange(10) / 10, side="right") - 1
    assert read_numbers(resampled.frames).tolist() == shown.tolist()
    assert video.slice(3.0, 3.0).frames.shape == (0, 3, 64, 96)


def test_concat_goes_by_the_host_of_what_it_is_given(host, recording, clock):
    video = host.LazyVideo.from_uri(recording.video)
    halves = [video.lazy_slice(1.0, 2.0), video.lazy_slice(2.0, 3.0)]
    assert_window(host, tv.concat(halves), clock, 1.0, 3.0, 0.0)
    spikes = make_data(host, recording).spikes
    together = tv.concat([spikes, spikes])
    assert type(together) is host.IrregularTimeSeries
    assert len(together) == 2 * len(spikes)


# From one host to the other -------------------------------------------------------------


def test_files_are_read_by_the_other_host(pair, recording, clock, tmp_path):
    one, other = pair
    data = make_data(one, recording, colorspace="G")
    data.slice(1.0, 5.0, reset_origin=False).save(tmp_path / "rec.h5")
    loaded = other.Data.load(tmp_path / "rec.h5")
    assert loaded.video.colorspace == "G"
    assert_window(other, loaded.video, clock, 1.0, 5.0, 0.0)
    assert_window(other, loaded.slice(2.0, 3.0).behavior.video, clock, 2.0, 3.0, 2.0)
    assert np.array_equal(
        loaded.video.domain.start, data.slice(1.0, 5.0, False).domain.start
    )
    # And back.
    loaded.slice(2.0, 4.0, reset_origin=False).video.frames  # noqa: B018
    fully = other.Data.load(tmp_path / "rec.h5", lazy=False)
    fully.save(tmp_path / "again.h5")
    again = one.Data.load(tmp_path / "again.h5")
    assert_window(one, again.slice(2.0, 3.0).video, clock, 2.0, 3.0, 2.0)


def test_videos_are_converted(pair, recording, clock):
    one, other = pair
    metadata = object()
    video = one.LazyVideo.from_uri(recording.video, metadata=metadata)
    whole = other.LazyVideo.from_video(video)
    assert whole.metadata is metadata and whole.timekeys() == ["timestamps"]
    assert_window(other, whole.slice(1.0, 2.0), clock, 1.0, 2.0, 1.0)
    window = video.slice(1.0, 3.0)
    window.speed = np.arange(len(window))
    window.frames[0] = 7
    converted = other.LazyVideo.from_video(window)
    assert (converted.frames[0] == 7).all() and converted.uri == video.uri
    converted.frames[0] = 9
    converted.speed[0] = -1
    assert (window.frames[0] == 7).all() and window.speed[0] == 0
    inner = converted.slice(1.0, 2.0)
    assert_window(other, inner, clock, 2.0, 3.0, 2.0)
    assert inner.speed.tolist() == window.slice(1.0, 2.0).speed.tolist()
    first_frame = other.LazyVideo.from_video(video.slice(1.0, 3.0)).resample([0.0])
    assert first_frame.frame_indices == video.slice(1.0, 3.0).resample([0.0]).frame_indices
    domain = one.Interval(np.array([0.0, 3.0]), np.array([2.0, 6.0]))
    kept = one.LazyVideo.from_uri(recording.video, domain=domain)
    assert other.LazyVideo.from_video(kept).domain.end.tolist() == [2.0, 6.0]


def test_converting_reads_nothing(pair, recording, monkeypatch):
    from temporaldata_video._sidecar import lance_access

    one, other = pair
    video = one.LazyVideo.from_uri(recording.video)
    monkeypatch.setattr(lance_access, "_call", None)
    assert len(other.LazyVideo.from_video(video).uri)


def test_only_videos_are_converted(host):
    with pytest.raises(TypeError, match="must be a LazyVideo, got str"):
        host.LazyVideo.from_video("cam.mp4")


# The wrong host -------------------------------------------------------------------------


def test_a_video_of_the_wrong_host_is_refused_at_once(pair, recording):
    one, other = pair
    video = other.LazyVideo.from_uri(recording.video)
    domain = one.Interval(0.0, SECONDS)
    with pytest.raises(TypeError, match=r"'video' is a LazyVideo for .*from_video"):
        one.Data(video=video, domain=domain)
    with pytest.raises(TypeError, match=r"'video' is a LazyVideo for .*from_video"):
        one.Data(video=video, domain="auto")
    data = one.Data(domain=domain)
    with pytest.raises(TypeError, match=r"'camera' is a LazyVideo for .*from_uri"):
        data.camera = video
    assert data.keys() == []
    data.camera = one.LazyVideo.from_video(video)
    assert len(data.slice(0.0, 1.0).camera) == 30
    with pytest.raises(TypeError, match=r"concat needs .*LazyVideo objects"):
        tv.concat([video, data.camera])
