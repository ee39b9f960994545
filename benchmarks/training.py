r"""Measures training loops: ``python -m benchmarks.training --help``.

Frames a second of a PyTorch ``DataLoader`` without and with workers, beside the same loop
over torchcodec; memory and open files over an epoch; and what it takes to open a thousand
recordings.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import h5py
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, paint_number, read_numbers

from .videos import CODEC_OPTIONS, Scene

SIZE, RATE, GROUPS = (480, 640), 30, (30, 250)
RESIZED = (224, 224)
WINDOW, SHOWN = 1.0, 15  # seconds, and frames of them
PACKAGES = ("torch", "torchcodec", "av", "pylance", "numpy")


def make_videos(folder: Path, seconds: int) -> list[str]:
    r"""Returns clips of a moving scene with numbered frames, made if they are not there."""
    paths = [folder / f"numbered_{seconds}s_gop{gop}.mp4" for gop in GROUPS]
    for path, gop in zip(paths, GROUPS):
        if not path.exists():
            scene = Scene(*SIZE)
            make_clip(
                path,
                seconds * RATE,
                size=SIZE,
                rate=RATE,
                codec_options={"g": str(gop), "keyint_min": str(gop), **CODEC_OPTIONS},
                paint=lambda n, h, w: paint_number(n, h, w, scene.paint(n, h, w)),  # noqa: B023
            )
        tv.index_many([path], progress=False)
    return [str(path) for path in paths]


class Windows(Dataset):
    r"""Windows drawn at random, each as the same number of frames.

    Args:
        uris: the videos.
        reader: ``"ours"``, ``"ours resized"`` for frames of 224 x 224, or ``"torchcodec"``
            with a decoder made anew for each window.
        n: number of windows.
        seconds: length of the videos.
    """

    def __init__(self, uris: list[str], reader: str, n: int, seconds: float) -> None:
        rng = np.random.default_rng(0)
        self.windows = [
            (int(rng.integers(len(uris))), float(rng.uniform(0.0, seconds - WINDOW)))
            for _ in range(n)
        ]
        self.uris, self.reader = uris, reader
        resize = RESIZED if reader == "ours resized" else None
        self.videos = [tv.LazyVideo.from_uri(uri, resize=resize) for uri in uris]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        video, start = self.windows[k]
        times = np.arange(SHOWN) * (WINDOW / SHOWN)
        wanted = torch.from_numpy(np.floor((start + times) * RATE + 1e-6).astype(np.int64))
        if self.reader.startswith("ours"):
            window = self.videos[video].slice(start, start + WINDOW).resample(times)
            return torch.from_numpy(window.frames), wanted
        from torchcodec.decoders import VideoDecoder

        decoder = VideoDecoder(self.uris[video], num_ffmpeg_threads=1)
        return decoder.get_frames_played_at((start + times).tolist()).data, wanted


def load(dataset: Windows, workers: int) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size=4,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
    )


def count_wrong(loader: DataLoader) -> int:
    r"""Returns how many frames of an epoch are not those that were wanted."""
    wrong = 0
    for frames, wanted in loader:
        found = read_numbers(frames.flatten(0, 1).numpy())
        wrong += int((found != wanted.flatten().numpy()).sum())
    return wrong


class Stopwatch:
    r"""Seconds since it was made.

    Args:
        clock: ``"wall"``, or ``"cpu"`` for what it would have taken if this process and
            its workers had had all processors to themselves.
    """

    def __init__(self, clock: str) -> None:
        self.clock = clock
        self.started, self.spent = time.perf_counter(), self._spent()

    def _spent(self) -> np.ndarray:
        if self.clock == "wall":
            return np.zeros(1)
        children = sorted(child.pid for child in multiprocessing.active_children())
        stats = [Path(f"/proc/{pid}/stat").read_text() for pid in (os.getpid(), *children)]
        ticks = [sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats]
        return np.array(ticks) / os.sysconf("SC_CLK_TCK")

    def seconds(self) -> float:
        if self.clock == "wall":
            return time.perf_counter() - self.started
        spent = self._spent() - self.spent
        return float(max(spent.max(), spent.sum() / (os.cpu_count() or 1)))


def measure_throughput(
    uris: list[str], samples: int, seconds: int, workers: int, repeats: int, clock: str
) -> list[dict[str, Any]]:
    r"""Returns frames a second of each reader, without and with workers, interleaved."""
    readers = ["ours", "ours resized"]
    try:
        import torchcodec.decoders  # noqa: F401

        readers.append("torchcodec")
    except (ImportError, OSError, RuntimeError) as error:
        print(f"missing: torchcodec ({str(error).splitlines()[0]})")
    loaders = {
        (reader, n): load(Windows(uris, reader, samples, seconds), n)
        for reader in readers
        for n in (0, workers)
    }
    # The first epoch starts the workers, and is the one that is looked at.
    wrong = {kind: count_wrong(loader) for kind, loader in loaders.items()}
    rates: dict[Any, list[float]] = {kind: [] for kind in loaders}
    for _ in range(repeats):
        for kind, loader in loaders.items():
            stopwatch = Stopwatch(clock)
            n_frames = sum(frames.shape[0] * SHOWN for frames, _ in loader)
            rates[kind].append(n_frames / stopwatch.seconds())
    return [
        {
            "reader": reader,
            "workers": n,
            "frames_per_second": median(rates[reader, n]),
            "runs": rates[reader, n],
            "wrong": wrong[reader, n],
        }
        for reader, n in loaders
    ]


def measure_batches(uri: str, n: int, repeats: int) -> dict[str, float]:
    r"""Returns what windows of one video take one by one and by ``read_many``."""
    video = tv.LazyVideo.from_uri(uri)
    rng = np.random.default_rng(0)
    spent: dict[str, list[float]] = {"one_by_one": [], "together": []}
    wrong = 0
    for _ in range(repeats):
        starts = rng.uniform(0.0, video.timestamps[-1] - WINDOW, n)
        for how, seconds in spent.items():
            windows = [video.slice(start, start + WINDOW / 2) for start in starts]
            started = time.perf_counter()
            if how == "together":
                tv.read_many(windows)
            read = [window.frames for window in windows]
            seconds.append(time.perf_counter() - started)
            for window, frames in zip(windows, read):
                wrong += int((read_numbers(frames) != window.frame_indices).sum())
    one_by_one, together = map(median, spent.values())
    return {"windows": n, "wrong": wrong, "together_is_faster": one_by_one / together}


def process_state() -> tuple[float, int]:
    r"""Returns resident memory in MB and the number of open files of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd"))


def measure_many(folder: Path, n: int, samples: int) -> dict[str, float]:
    r"""Returns what opening many recordings takes, and an epoch of windows of them."""
    clip = make_clip(folder / "cam0.mp4", 1800, rate=RATE, size=(32, 32), gop=RATE)
    tv.write_index(clip, progress=False)
    for k in range(1, n):
        shutil.copy(clip, folder / f"cam{k}.mp4")
        shutil.copytree(f"{clip}.lance", folder / f"cam{k}.mp4.lance")
    len(tv.LazyVideo.from_uri(clip).slice(0.0, 1.0).frames)  # what is loaded but once
    before, started = process_state()[0], time.perf_counter()
    videos = [tv.LazyVideo.from_uri(folder / f"cam{k}.mp4") for k in range(n)]
    opened, after = time.perf_counter() - started, process_state()[0]
    for k, video in enumerate(videos):
        with h5py.File(folder / f"rec{k}.h5", "w") as file:
            video.to_hdf5(file.create_group("video"))
    started = time.perf_counter()
    for k in range(n):
        with h5py.File(folder / f"rec{k}.h5") as file:
            tv.LazyVideo.from_hdf5(file["video"])
    pointed = time.perf_counter() - started
    rng = np.random.default_rng(0)
    states = []
    for _ in range(samples):
        video, start = videos[rng.integers(n)], rng.uniform(0.0, 58.0)
        window = video.slice(start, start + WINDOW)
        assert read_numbers(window.frames).tolist() == window.frame_indices.tolist()
        states.append(process_state())
    early = samples // 10 - 1
    return {
        "recordings": n,
        "seconds_to_open": opened,
        "seconds_to_open_from_hdf5": pointed,
        "megabytes_to_open": after - before,
        "samples": samples,
        "resident_ratio": states[-1][0] / states[early][0],
        "files_open_early": states[early][1],
        "files_open_late": states[-1][1],
    }


def main(
    samples: Annotated[int, typer.Option(help="Windows of an epoch.")] = 200,
    seconds: Annotated[int, typer.Option(help="Length of the videos.")] = 60,
    workers: Annotated[int, typer.Option()] = 2,
    repeats: Annotated[int, typer.Option(help="Timed epochs of each kind.")] = 7,
    recordings: Annotated[int, typer.Option(help="Recordings to open; 0 for none.")] = 1000,
    epoch: Annotated[int, typer.Option(help="Windows drawn from all of them.")] = 2000,
    clock: Annotated[
        str, typer.Option(help="'wall', or 'cpu' where other programs run.")
    ] = "wall",
    out: Annotated[Path, typer.Option(help="Where clips and results are kept.")] = Path(
        "build/benchmarks"
    ),
) -> None:
    r"""Measures training loops over this package and over torchcodec."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    if clock not in ("wall", "cpu"):
        raise typer.BadParameter(f"--clock must be wall or cpu, got {clock!r}.")
    uris = make_videos(out, seconds)
    rows = measure_throughput(uris, samples, seconds, workers, repeats, clock)
    console = Console()
    table = Table("reader", "workers", "frames/s", "ours is", "with workers", "wrong")
    rate = {(row["reader"], row["workers"]): row["frames_per_second"] for row in rows}
    for row in rows:
        reader, n, mine = row["reader"], row["workers"], row["frames_per_second"]
        table.add_row(
            reader,
            str(n),
            f"{mine:.0f}",
            f"{rate['ours', n] / mine:.2f} x",
            f"{rate[reader, workers] / rate[reader, 0]:.2f} x",
            str(row["wrong"]),
        )
    console.print(table)
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "load": os.getloadavg(),
        "clock": clock,
        "versions": {name: version(name) for name in PACKAGES},
        "throughput": rows,
        "batches": measure_batches(uris[-1], 32, repeats),
    }
    console.print(results["batches"])
    if recordings:
        with tempfile.TemporaryDirectory() as folder:
            results["many"] = measure_many(Path(folder), recordings, epoch)
        console.print(results["many"])
    (out / "training.json").write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    typer.run(main)
