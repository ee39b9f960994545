r"""The registry of backends, and what happens to groups of backends that are not there."""

from __future__ import annotations

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video._plugin import backends


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(backends, "_BACKENDS", dict(backends._BACKENDS))


def make_backend(name="POSE"):
    return tv.Backend(name, lambda uri, **options: (uri, options), lambda group, **_: None)


def test_registering_and_opening():
    backend = make_backend()
    assert tv.register_backend(backend) is backend
    assert tv.get_backend("POSE") is backend
    assert tv.open_backend("POSE", "a.pose", joints=7) == ("a.pose", {"joints": 7})


def test_registering_twice_is_nothing_and_a_rival_is_an_error():
    backend = tv.register_backend(make_backend())
    assert tv.register_backend(backend) is backend
    with pytest.raises(ValueError, match="'POSE' is registered already"):
        tv.register_backend(make_backend())
    assert tv.get_backend("POSE") is backend


def test_what_is_no_backend():
    with pytest.raises(TypeError, match="Backend, got str"):
        tv.register_backend("POSE")


def test_a_backend_that_is_unknown():
    with pytest.raises(
        tv.UnknownBackendError, match=r"'POSE'; there are .*MP4_INDEX"
    ) as raised:
        tv.get_backend("POSE")
    assert isinstance(raised.value, LookupError)
    with pytest.raises(tv.UnknownBackendError):
        tv.open_backend("POSE", "a.pose")


def test_our_backend_opens_videos(clip):
    video = tv.open_backend("MP4_INDEX", clip, colorspace="G")
    assert type(video) is tv.LazyVideo and video.colorspace == "G"
    with pytest.raises(AttributeError):
        tv.MP4_INDEX.name = "OTHER"  # frozen


@pytest.fixture
def saved(clip, tmp_path):
    r"""A recording with two videos, of which one says that it is of another backend."""
    import h5py

    domain = Interval(0.0, 4.0)
    spikes = IrregularTimeSeries(timestamps=np.arange(0.0, 4.0, 0.1), domain=domain)
    video = tv.LazyVideo.from_uri(clip)
    inner = Data(video=tv.LazyVideo.from_uri(clip), domain=domain)
    Data(spikes=spikes, video=video, inner=inner, domain=domain).save(tmp_path / "rec.h5")
    with h5py.File(tmp_path / "rec.h5", "a") as file:
        file["inner/video"].attrs["backend"] = "POSE"
    return tmp_path / "rec.h5"


@pytest.mark.parametrize("lazy", [True, False])
def test_a_group_of_an_unknown_backend_is_a_plain_series(saved, lazy):
    with pytest.warns(tv.PluginWarning, match="'/inner/video'.*plain series.*'POSE'"):
        data = Data.load(saved, lazy=lazy)
    assert type(data.video) is tv.LazyVideo
    plain = data.inner.slice(1.0, 2.0).video
    assert isinstance(plain, IrregularTimeSeries) and not isinstance(plain, tv.LazyVideo)
    assert plain.frame_indices.tolist() == list(range(30, 60))
    assert len(data.slice(1.0, 2.0).spikes) == 10


@pytest.mark.parametrize("lazy", [True, False])
def test_a_registered_backend_reads_its_groups(saved, lazy):
    asked = []

    def read_hdf5(group, *, data_class, lazy):
        asked.append((group.name, data_class, lazy))
        return "a pose"

    tv.register_backend(tv.Backend("POSE", print, read_hdf5))
    data = Data.load(saved, lazy=lazy)
    assert asked == [("/inner/video", Data, lazy)]
    assert data.inner.video == "a pose" and type(data.video) is tv.LazyVideo


def test_the_host_is_taught_once_and_reads_everything_else_as_before(saved):
    from temporaldata_video.hosts._hdf5 import connect_to_backends

    taught = Data.from_hdf5.__func__
    connect_to_backends(Data)
    assert Data.from_hdf5.__func__ is taught
    with pytest.warns(tv.PluginWarning):
        data = Data.load(saved, lazy=False)
    assert type(data.spikes) is IrregularTimeSeries


def test_an_attribute_of_a_nested_data_names_no_backend(tmp_path):
    inner = Data(device=Data(backend="POSE", serial=7))
    Data(rig=inner, device=Data(backend=[1, 2])).save(tmp_path / "rec.h5")
    with Data.load(tmp_path / "rec.h5") as data:
        assert data.rig.device.backend == "POSE" and data.rig.device.serial == 7
        assert data.device.backend.tolist() == [1, 2]


def test_what_has_the_attributes_of_a_backend_is_one():
    from types import SimpleNamespace

    other = SimpleNamespace(name="OTHER", open=str.upper, read_hdf5=print)
    assert tv.register_backend(other) is tv.get_backend("OTHER")
    assert tv.open_backend("OTHER", "a") == "A"


def test_a_registry_is_told_of_all_backends(monkeypatch):
    monkeypatch.setattr(backends, "_REGISTRIES", [])
    told = []
    backends.add_registry(told.append)
    assert told[-1] is tv.MP4_INDEX
    added = tv.register_backend(make_backend())
    assert told[-1] is added


def test_a_subclass_of_data_is_taught_as_well(clip, tmp_path):
    class Session(Data):
        pass

    video = tv.LazyVideo.from_uri(clip)
    Session(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    loaded = Session.load(tmp_path / "rec.h5")
    assert type(loaded) is Session and type(loaded.video) is tv.LazyVideo
