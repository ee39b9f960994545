r"""Batches of a loader: the right frames, decoded once, into the memory that is sent."""

from __future__ import annotations

import importlib.util
import os
import shutil

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from temporaldata_video.training import BlockOrder, WindowDataset, collate, regular_windows

needs_torch = pytest.mark.skipif(
    not importlib.util.find_spec("torch"), reason="needs torch: run nox -s torch"
)
pytestmark = needs_torch

# What a program of its own has, since workers are started in it.
PROGRAM = """
import numpy as np
import torch
from torch.utils.data import DataLoader
import temporaldata_video as tv
from temporaldata_video.testing import read_numbers
from temporaldata_video.training import BlockOrder, WindowDataset, collate, regular_windows

class Sample:
    def __init__(self):
        self.videos = {f"cam{k}": tv.LazyVideo.from_uri(f"cam{k}.mp4") for k in range(2)}
        self.times = (np.arange(4) + 0.5) / 30

    def __call__(self, window):
        video = self.videos[window.recording_id].slice(window.start, window.end)
        return {"video": video.resample(self.times), "start": window.start}

sample = Sample()
windows = regular_windows(sample.videos, 4 / 30)

def loader_of(order, workers, method):
    return DataLoader(
        WindowDataset(windows, sample),
        batch_sampler=order,
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context=method,
        persistent_workers=workers > 0,
    )
"""

EPOCHS = """
if __name__ == "__main__":
    for workers, method in ((0, None), (2, "spawn"), (2, "fork")):
        order = BlockOrder(windows, 4, block=6, workers=workers)
        loader = loader_of(order, workers, method)
        for epoch in range(2):
            order.set_epoch(epoch)
            seen = []
            for batch, numbers in zip(loader, order, strict=True):
                frames = batch["video"]["frames"]
                assert frames.is_contiguous() and frames.is_shared() == (workers > 0)
                assert batch["video"]["valid"].all()
                for start, found in zip(batch["start"].tolist(), frames.numpy()):
                    first = round(start * 30)
                    assert read_numbers(found).tolist() == [*range(first, first + 4)]
                assert batch["start"].tolist() == [windows[n].start for n in numbers]
                seen += numbers
            assert sorted(seen) == list(range(len(windows)))
    print("done")
"""


@pytest.fixture
def cameras(tmp_path, monkeypatch):
    clip = make_clip(tmp_path / "cam0.mp4", 120, rate=30, gop=60, size=(64, 64))
    tv.write_index(clip, progress=False)
    shutil.copy(clip, tmp_path / "cam1.mp4")
    tv.write_index(tmp_path / "cam1.mp4", progress=False)
    monkeypatch.chdir(tmp_path)


def test_loaders_give_the_right_frames(cameras, run_script):
    said, _ = run_script(PROGRAM + EPOCHS)
    assert said == "done\n"


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs /dev/shm")
def test_killed_workers_leave_no_memory():
    from stress.loaders import kill_workers

    found = kill_workers(6, seed=0)
    assert found.pop("killed") == 6 and found.pop("batches") > 0
    assert found == {"wrong frames": 0, "left in /dev/shm": 0}


@pytest.fixture
def video(clip):
    return tv.LazyVideo.from_uri(clip, on_error="mask")


@pytest.fixture
def windows(video):
    return regular_windows({"cam": video}, 4 / 30)


def test_a_batch_is_the_memory_that_was_decoded_into(video, windows):
    import torch

    dataset = WindowDataset(windows, lambda w: (video.slice(w.start, w.end), w.start))
    samples = dataset.__getitems__([5, 0, 3])
    frames, starts = collate(samples)
    assert frames["frames"].data_ptr() == samples[0][0]["frames"].data_ptr()
    assert frames["frames"].shape == (3, 4, *video.shape[1:])
    assert starts.tolist() == [windows[n].start for n in (5, 0, 3)]
    assert torch.equal(torch.stack([s[0]["frames"] for s in samples]), frames["frames"])
    # In another order they are no longer the memory of a batch.
    turned, _ = collate(samples[::-1])
    assert torch.equal(turned["frames"], frames["frames"].flip(0))


def test_neighbours_are_decoded_once(video, windows):
    opened = []

    def sample(window):
        opened.append(window)
        return video.slice(window.start, window.end)

    dataset = WindowDataset(windows, sample)
    order = BlockOrder(windows, 2, block=4)
    for batch in order:
        frames = collate(dataset.__getitems__(batch))["frames"].numpy()
        for number, found in zip(batch, frames):
            expected = video.slice(windows[number].start, windows[number].end).frames
            assert np.array_equal(found, expected)
        assert len(dataset._ahead) <= order.buffer
    assert sorted(opened) == sorted(windows)
    assert not dataset._ahead


def test_samples_of_several_shapes_and_videos(video, windows):
    def sample(window):
        grey = tv.LazyVideo.from_uri(video.uri, colorspace="G", resize=(8, 8))
        length = 2 if window.start < 1 else 3
        return {
            "rgb": video.slice(window.start, window.start + length / 30),
            "nested": [grey.slice(window.start, window.end), "text"],
        }

    dataset = WindowDataset(windows, sample)
    one, other = dataset.__getitems__([0, 20])
    assert one["rgb"]["frames"].shape[0] == 2 and other["rgb"]["frames"].shape[0] == 3
    assert np.array_equal(
        other["rgb"]["frames"],
        video.frames_at(round(windows[20].start * 30) + np.arange(3)),
    )
    whole = collate([one["nested"], other["nested"]])
    assert whole[0]["frames"].shape == (2, 4, 1, 8, 8)
    assert list(whole[1]) == ["text", "text"]
    assert dataset[0]["rgb"]["frames"].shape[0] == 2


def test_a_video_that_is_decoded_already_is_copied(video, windows):
    window = video.slice(0.0, 4 / 30)
    expected = window.frames.copy()
    dataset = WindowDataset(windows, lambda _: window)
    batch = collate(dataset.__getitems__([0, 1]))
    assert np.array_equal(batch["frames"], np.stack([expected, expected]))
    batch["frames"][:] = 0
    assert np.array_equal(window.frames, expected)


def test_frames_that_are_none_are_not_valid(video, windows):
    dataset = WindowDataset(windows, lambda _: video.resample([0.0, 99.0]))
    batch = collate(dataset.__getitems__([0, 1]))
    assert batch["valid"].tolist() == [[True, False], [True, False]]
    assert not batch["frames"][:, 1].any()


def test_an_order_for_other_workers_is_refused(video, windows):
    order = BlockOrder(windows, 2, block=2, workers=3)
    from torch.utils.data import DataLoader

    dataset = WindowDataset(windows, lambda w: video.slice(w.start, w.end))
    loader = DataLoader(
        dataset, batch_sampler=order, num_workers=2, multiprocessing_context="fork"
    )
    with pytest.raises(ValueError, match="workers=3, and the loader has 2"):
        next(iter(loader))
    # One process does it for all of them.
    assert len([*DataLoader(dataset, batch_sampler=order)]) == len(order)
