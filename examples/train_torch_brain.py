r"""Trains a small network to predict spikes from video, with torch_brain 0.2 and PyTorch.

    python examples/train_torch_brain.py --workers 2

Without a folder of recordings it makes some: a mouse in an arena, a camera with a jittered
clock, neurons that fire the more the faster the mouse runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch_brain.batching import collate, pad, track_mask
from torch_brain.data import ArrayDict, Data, IrregularTimeSeries, RegularTimeSeries
from torch_brain.datasets import Dataset
from torch_brain.samplers import RandomFixedWindowSampler
from torch_brain.transforms import Compose, UnitDropout

import temporaldata_video as tv
from temporaldata_video.hosts.torch_brain import LazyVideo
from temporaldata_video.testing import LFP_RATE, make_recording

WINDOW = 1.0  # seconds
FRAME_RATE = 20.0  # frames a second that the network sees, whatever the camera's rate
N_UNITS = 8


def make_recordings(folder: Path, n: int, seconds: float) -> None:
    r"""Writes recordings as ``rec0.h5`` and so on, each with its video beside it."""
    for k in range(n):
        (folder / f"cam{k}").mkdir()
        made = make_recording(folder / f"cam{k}", seconds, size=(96, 128), seed=k)
        tv.write_index(made.video, timestamps=made.camera_times, progress=False)
        video = LazyVideo.from_uri(made.video, resize=(64, 64), on_error="mask")
        Data(
            session=Data(id=f"rec{k}"),
            spikes=IrregularTimeSeries(
                timestamps=made.spike_timestamps,
                unit_index=made.spike_unit_index,
                domain=video.domain,
            ),
            units=ArrayDict(id=np.array([f"unit{i}" for i in range(N_UNITS)])),
            lfp=RegularTimeSeries(raw=made.lfp, sampling_rate=LFP_RATE),
            video=video,
            domain=video.domain,  # windows are drawn from where there are frames
        ).save(folder / f"rec{k}.h5")


class ToTensors:
    r"""Turns a window into tensors of which every sample has the same, or padded ones."""

    def __init__(self) -> None:
        self.times = np.arange(0.0, WINDOW, 1 / FRAME_RATE)

    def __call__(self, data: Data) -> dict:
        video = data.video.resample(self.times, "nearest")
        edges = np.append(self.times, WINDOW)
        spikes, _, _ = np.histogram2d(
            data.spikes.timestamps,
            data.spikes.unit_index,
            bins=(edges, np.arange(N_UNITS + 1)),
        )
        return {
            "frames": torch.from_numpy(video.frames),  # uint8, shares the array's memory
            "valid": torch.from_numpy(video.valid),
            "spikes": torch.from_numpy(spikes.astype(np.float32)),
            "lfp": pad(data.lfp.raw),  # now 249 and now 250 samples
            "lfp_mask": track_mask(data.lfp.raw),
        }


class Network(torch.nn.Module):
    r"""Looks at each frame and the one before, and gives the rate of each neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(6, 8, 5, stride=4),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2),
            torch.nn.ReLU(),
            torch.nn.Flatten(1),
            torch.nn.LazyLinear(N_UNITS),
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
        pairs = torch.cat([frames, frames - before], 2)
        return self.layers(pairs.flatten(0, 1)).unflatten(0, frames.shape[:2])


def train(dataset: Dataset, args: argparse.Namespace, device: torch.device) -> None:
    sampler = RandomFixedWindowSampler(
        sampling_intervals=dataset.get_sampling_intervals(), window_length=WINDOW
    )
    loader = torch.utils.data.DataLoader(
        dataset,
        sampler=sampler,
        batch_size=8,
        collate_fn=collate,
        num_workers=args.workers,
        multiprocessing_context=args.start_method if args.workers else None,
        persistent_workers=args.workers > 0,
        pin_memory=device.type == "cuda",
    )
    network = Network().to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for epoch in range(args.epochs):
        started, n_frames, losses = time.perf_counter(), 0, []
        for batch in loader:
            frames = batch["frames"].to(device, non_blocking=True).float().div_(255)
            valid = batch["valid"].to(device)
            loss = torch.nn.functional.poisson_nll_loss(
                network(frames), batch["spikes"].to(device), reduction="none"
            )
            loss = (loss * valid[..., None]).sum() / (valid.sum() * N_UNITS)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            n_frames += valid.numel()
        rate = n_frames / (time.perf_counter() - started)
        print(f"epoch {epoch}: loss {np.mean(losses):.4f}, {rate:.0f} frames/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="recordings; some are made by default")
    parser.add_argument("--recordings", type=int, default=3, help="how many to make")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0)
    methods = torch.multiprocessing.get_all_start_methods()
    parser.add_argument("--start-method", choices=methods, default="spawn")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.folder or temporary)
        if not args.folder:
            make_recordings(folder, args.recordings, args.seconds)
        # Open HDF5 files cannot be handed to workers, and take memory for each recording.
        dataset = Dataset(
            folder, transform=Compose([UnitDropout(), ToTensors()]), keep_files_open=False
        )
        train(dataset, args, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    for file in tv.masked_frames():
        print(file)


if __name__ == "__main__":
    main()
