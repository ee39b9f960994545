r"""Trains on several recordings the way torch_brain does, and checks every sample.

Run as a program of its own by ``test_torch_brain.py``, since what spawn starts imports the
main module again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

try:  # 0.2 and later
    import torch_brain.data as host
    from torch_brain.batching import chain, collate, pad, track_batch, track_mask
    from torch_brain.datasets import Dataset
    from torch_brain.samplers import RandomFixedWindowSampler, SequentialFixedWindowSampler

    from temporaldata_video.hosts.torch_brain import LazyVideo
except ImportError:  # 0.1, on temporaldata
    import temporaldata as host
    from torch_brain.data import chain, collate, pad, track_batch, track_mask
    from torch_brain.data.sampler import (
        RandomFixedWindowSampler,
        SequentialFixedWindowSampler,
    )
    from torch_brain.dataset import Dataset

    from temporaldata_video import LazyVideo

from torch_brain.transforms import Compose, RandomCrop, RandomTimeScaling, UnitDropout

SECONDS, FRAME_RATE, LFP_RATE, N_UNITS = 6.0, 30, 250.0, 5
WINDOW, CROP = 1.0, 0.6
TIMES = np.arange(8) * 0.07


def make_recordings(folder: Path, n: int = 3) -> None:
    r"""Recordings of which each paints other numbers and has another jittered clock."""
    for k in range(n):
        rng = np.random.default_rng(k)
        n_frames = round(SECONDS * FRAME_RATE)
        clock = (np.arange(n_frames) + rng.uniform(-0.3, 0.3, n_frames)) / FRAME_RATE + 0.02
        clip = make_clip(
            folder / f"cam{k}.mp4", n_frames, rate=FRAME_RATE, first_frame=1000 * k
        )
        tv.write_index(clip, timestamps=clock, progress=False)
        np.save(folder / f"clock{k}.npy", clock)
        video = LazyVideo.from_uri(clip)
        spike_times = np.sort(rng.uniform(clock[0], clock[-1], 200))
        session = host.Data(id=f"rec{k}")
        host.Data(
            session=session,
            number=k,
            spikes=host.IrregularTimeSeries(
                timestamps=spike_times,
                unit_index=rng.integers(0, N_UNITS, 200),
                domain=video.domain,
            ),
            units=host.ArrayDict(id=np.array([f"unit{i}" for i in range(N_UNITS)])),
            lfp=host.RegularTimeSeries(
                raw=(np.arange(round(SECONDS * LFP_RATE))[:, None] + 10_000.0 * k),
                sampling_rate=LFP_RATE,
                domain="auto",
            ),
            video=video,
            domain=video.domain,
        ).save(folder / f"rec{k}.h5")


class ToTensors:
    r"""The last transform: one frame for each of the times, spikes and LFP as they come."""

    def __call__(self, sample):
        video = sample.video
        seen = video.resample(TIMES, "nearest")
        return {
            "session": sample.session.id,
            "number": sample.number,
            "start": sample.absolute_start,
            "frames": torch.from_numpy(seen.frames),
            "frame_indices": torch.from_numpy(seen.frame_indices),
            "valid": torch.from_numpy(seen.valid),
            "all_frames": pad(video.frames),
            "all_times": pad(video.timestamps),
            "all_mask": track_mask(video.timestamps),
            "spike_times": chain(sample.spikes.timestamps),
            "spike_units": chain(sample.spikes.unit_index),
            "spike_sample": track_batch(sample.spikes.timestamps),
            "lfp": pad(sample.lfp.raw),
            "lfp_mask": track_mask(sample.lfp.raw),
        }


def check_sample(folder: Path, batch: dict, i: int, length: float) -> None:
    k, start = int(batch["number"][i]), float(batch["start"][i])
    assert batch["session"][i] == f"rec{k}"
    clock = np.load(folder / f"clock{k}.npy")
    inside = np.flatnonzero((clock >= start) & (clock < start + length))

    near = np.abs(clock[inside][:, None] - (start + TIMES)).min(axis=0)
    numbers = read_numbers(batch["frames"][i].numpy())
    assert batch["frame_indices"][i].tolist() == (numbers - 1000 * k).tolist()
    assert (np.abs(clock[numbers - 1000 * k] - (start + TIMES)) <= near + 1e-9).all()
    assert batch["valid"][i].all()

    mask = batch["all_mask"][i].numpy()
    assert mask.sum() == len(inside)
    assert np.allclose(batch["all_times"][i][mask], clock[inside] - start)
    assert (
        read_numbers(batch["all_frames"][i][mask].numpy()).tolist()
        == (inside + 1000 * k).tolist()
    )
    assert not batch["all_frames"][i][~mask].any()

    lfp = batch["lfp"][i][batch["lfp_mask"][i]][:, 0].numpy() - 10_000.0 * k
    assert abs(lfp[0] / LFP_RATE - start) <= 1 / LFP_RATE + 1e-9
    assert abs(len(lfp) - length * LFP_RATE) <= 1 and (np.diff(lfp) == 1).all()

    rng = np.random.default_rng(k)
    rng.uniform(-0.3, 0.3, len(clock))
    fired = np.sort(rng.uniform(clock[0], clock[-1], 200))
    of_sample = batch["spike_sample"] == i
    expected = fired[(fired >= start) & (fired < start + length)] - start
    assert np.allclose(batch["spike_times"][of_sample], expected)


def check_epoch(folder: Path, sampler_class, transforms: list, length: float, **loading):
    # Files that stay open could not be handed to workers that are spawned.
    dataset = Dataset(
        folder, transform=Compose([*transforms, ToTensors()]), keep_files_open=False
    )
    sampler = sampler_class(
        sampling_intervals=dataset.get_sampling_intervals(), window_length=WINDOW
    )
    loader = torch.utils.data.DataLoader(
        dataset, sampler=sampler, batch_size=4, collate_fn=collate, **loading
    )
    seen = []
    for batch in loader:
        assert batch["frames"].shape[1:] == (len(TIMES), 3, 64, 96)
        for i in range(len(batch["frames"])):
            check_sample(folder, batch, i, length)
        seen += batch["number"].tolist()
    assert len(seen) == len(sampler) and set(seen) == {0, 1, 2}, seen
    return len(seen)


def check_masks(folder: Path, **loading) -> None:
    r"""One damaged frame ends no epoch, and the parent hears of it from its workers."""
    damaged, lost = folder / "damaged", 77
    damaged.mkdir()
    clip = make_clip(damaged / "cam.mp4", 180, rate=FRAME_RATE, gop=1, b_frames=0)
    row = tv.write_index(clip, progress=False).segments[0].rows(lost, lost + 1)
    content = bytearray(clip.read_bytes())
    content[int(row.pos[0]) : int(row.pos[0] + row.size[0])] = b"\xff" * int(row.size[0])
    clip.write_bytes(content)
    tv.write_index(clip, overwrite=True, progress=False)
    video = LazyVideo.from_uri(clip, on_error="mask")
    host.Data(video=video, domain=video.domain).save(damaged / "rec.h5")
    dataset = Dataset(damaged, transform=frames_and_mask, keep_files_open=False)
    sampler = SequentialFixedWindowSampler(
        sampling_intervals=dataset.get_sampling_intervals(), window_length=0.5
    )
    loader = torch.utils.data.DataLoader(
        dataset, sampler=sampler, batch_size=4, collate_fn=collate, **loading
    )
    seen = [
        sample
        for _ in range(2)
        for batch in loader
        for sample in zip(batch["frames"], batch["valid"], batch["frame_indices"])
    ]
    assert not any(valid.all() for _, valid, numbers in seen if lost in numbers)
    for frames, valid, numbers in seen:
        assert valid.tolist() == (numbers != lost).tolist()
        assert read_numbers(frames[valid].numpy()).tolist() == numbers[valid].tolist()
        assert not frames[~valid].any()
    (file,) = tv.masked_frames()
    assert (file.uri, file.frames.tolist()) == (str(clip), [lost])


def frames_and_mask(sample) -> dict:
    video = sample.video.resample(np.arange(15) / FRAME_RATE + 0.001, "nearest")
    return {
        name: torch.from_numpy(getattr(video, name))
        for name in ("frames", "valid", "frame_indices")
    }


def check_scaling(folder: Path) -> None:
    # Times that were scaled say nothing of the frames beside the window.
    scaled = RandomTimeScaling(2.0, 2.0)(host.Data.load(folder / "rec1.h5").slice(1.0, 2.0))
    clock = np.load(folder / "clock1.npy")
    inside = np.flatnonzero((clock >= 1.0) & (clock < 2.0))
    assert np.allclose(scaled.video.timestamps, 2.0 * (clock[inside] - 1.0))
    shown = scaled.video.resample([0.0, 1.0, 2.0], "nearest")
    assert read_numbers(shown.frames).tolist() == [
        1000 + inside[0],
        1000 + inside[np.abs(clock[inside] - 1.5).argmin()],
        1000 + inside[-1],
    ]


def main(folder: Path, workers: int, method: str) -> None:
    make_recordings(folder)
    check_scaling(folder)
    loading = {"num_workers": workers}
    if workers:
        loading["multiprocessing_context"] = method
    print(
        check_epoch(folder, SequentialFixedWindowSampler, [], WINDOW, **loading),
        check_epoch(folder, RandomFixedWindowSampler, [RandomCrop(CROP)], CROP, **loading),
    )
    check_masks(folder, **loading)
    # Drops spikes, which would be missed above.
    dropped = Compose([UnitDropout(), RandomCrop(CROP)])(
        host.Data.load(folder / "rec0.h5").slice(0.5, 2.0)
    )
    assert len(dropped.video) and read_numbers(dropped.video.frames).tolist() == (
        dropped.video.frame_indices.tolist()
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
