r"""Kills the workers of PyTorch's loaders while they make batches."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from temporaldata_video.training import BlockOrder, WindowDataset, collate, regular_windows

_RATE, _FRAMES = 30, 4


def kill_workers(count: int, seed: int) -> dict[str, int]:
    r"""Returns what is left of workers that were killed after some batches.

    Args:
        count: how many workers are killed.
        seed: of the random numbers.
    """
    from torch.utils.data import DataLoader

    found = {"killed": 0, "batches": 0, "wrong frames": 0}
    owners = {os.getpid()}
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder, "cam.mp4"), 240, rate=_RATE, gop=60, size=(64, 64))
        tv.write_index(clip, progress=False)
        video = tv.LazyVideo.from_uri(clip)
        windows = regular_windows({"cam": video}, _FRAMES / _RATE)
        dataset = WindowDataset(windows, partial(_sample, video))
        while found["killed"] < count:
            order = BlockOrder(windows, 4, block=6, workers=2, seed=found["killed"])
            loader = DataLoader(
                dataset,
                batch_sampler=order,
                collate_fn=collate,
                num_workers=2,
                multiprocessing_context="fork",
            )
            batches: Any = iter(loader)
            for _ in range(rng.randrange(1, 5)):
                batch = next(batches)
                firsts = np.rint(batch["start"].numpy() * _RATE).astype(int)
                wanted = (firsts[:, None] + np.arange(_FRAMES)).ravel()
                shown = read_numbers(batch["video"]["frames"].flatten(0, 1).numpy())
                found["wrong frames"] += int((shown != wanted).sum())
                found["batches"] += 1
            for worker in batches._workers:
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()
                owners.add(worker.pid)
                found["killed"] += 1
            del batch, batches, loader
    # PyTorch names the memory that it shares by the process which made it.
    left = [name for name in os.listdir("/dev/shm") if name.startswith("torch_")]
    found["left in /dev/shm"] = sum(int(name.split("_")[1]) in owners for name in left)
    return found


def _sample(video: tv.LazyVideo, window: tv.training.Window) -> dict[str, Any]:
    times = (np.arange(_FRAMES) + 0.5) / _RATE
    shown = video.slice(window.start, window.end).resample(times)
    return {"video": shown, "start": window.start}
