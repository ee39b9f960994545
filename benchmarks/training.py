r"""Measures training loops: ``python -m benchmarks.training --help``.

Samples per second of a PyTorch ``DataLoader`` by what a program does: window by window,
in batches, in blocks of neighbours, from copies and proxies, and by torchcodec; memory and
open files over an epoch; and what it takes to open a thousand recordings.
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
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import h5py
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

import temporaldata_video as tv
from temporaldata_video._video.cost import frames_cost
from temporaldata_video.testing import make_clip, read_numbers

from .measure import ClockOption, clock_of
from .remote_video import make_video

SIZE, RATE = (480, 640), 30
RESIZED, SHOWN, BATCH = (224, 224), 16, 8
WINDOW = SHOWN / RATE  # seconds
PACKAGES = ("torch", "torchcodec", "av", "pylance", "numpy")
# Ways to read an epoch of windows, from what a first program does to what it can do.
ONE_BY_ONE, BATCHES, BLOCKS = "window by window", "batches", "batches, block order"
READERS = {
    ONE_BY_ONE: "video",
    "batches, collated by PyTorch": "video",
    BATCHES: "video",
    BLOCKS: "video",
    "reencoded, batches": "copy",
    "lossless proxy, batches": "lossless",
    "lossy proxy, batches": "lossy",
    "lossy proxy, batches, block order": "lossy",
    "torchcodec, a decoder per window": "video",
}


def make_files(folder: Path, distinct: int, copies: int) -> dict[str, str]:
    r"""Returns a video whose frames have numbers, a re-encoded copy of it, and copies of
    it beside proxies, as far as this version makes them."""
    path = make_video(folder, distinct, copies, SIZE)
    tv.index_many([path], progress=False)
    copy = path.with_name(f"{path.stem}_reencoded.mp4")
    if not copy.exists():
        tv.reencode(path, copy, gop=12, progress=False)
    files = {"video": str(path), "copy": str(copy)}
    for kind in ("lossless", "lossy") if hasattr(tv, "write_proxy") else ():
        beside = path.with_name(f"{path.stem}_{kind}.mp4")
        if not beside.exists():
            shutil.copy(path, beside)
            tv.index_many([beside], progress=False)
            tv.write_proxy(beside, RESIZED, lossless=kind == "lossless", progress=False)
        files[kind] = str(beside)
    return files


class Sample:
    r"""Makes the sample of a window: its frames, not yet decoded, and its first number.

    Args:
        uri: the video.
        kind: one of the values of :data:`READERS`.
        distinct: after as many frames the video begins again.
    """

    def __init__(self, uri: str, kind: str, distinct: int) -> None:
        options = {"proxy": kind} if kind in ("lossless", "lossy") else {}
        self.video = tv.LazyVideo.from_uri(uri, resize=RESIZED, **options)
        self.times, self.distinct = (np.arange(SHOWN) + 0.5) / RATE, distinct

    def __call__(self, window: tv.training.Window) -> dict[str, Any]:
        video = self.video.slice(window.start, window.end).resample(self.times)
        return {"video": video, "first": round(window.start * RATE) % self.distinct}


class OneByOne:
    r"""What a program does that knows nothing of batches: a window, its frames."""

    def __init__(self, windows: list[Any], sample: Sample) -> None:
        self.windows, self.sample = windows, sample

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> dict[str, Any]:
        sample = self.sample(self.windows[number])
        frames = torch.from_numpy(sample["video"].frames)
        return {**sample, "video": {"frames": frames}}


class Torchcodecs(OneByOne):
    r"""The same by torchcodec, which makes frames small after it has decoded them."""

    def __getitem__(self, number: int) -> dict[str, Any]:
        from torchcodec.decoders import VideoDecoder

        first = round(self.windows[number].start * RATE)
        decoder = VideoDecoder(self.sample.video.uri, num_ffmpeg_threads=1)
        frames = decoder.get_frames_in_range(first, first + SHOWN).data
        frames = torch.nn.functional.interpolate(frames, RESIZED, mode="bilinear")
        return {"video": {"frames": frames}, "first": first % self.sample.distinct}


def load(reader: str, uri: str, distinct: int, workers: int) -> DataLoader:
    r"""Returns the loader of a reader."""
    sample = Sample(uri, READERS[reader], distinct)
    windows = tv.training.regular_windows({"video": sample.video}, WINDOW)
    options: dict[str, Any] = {
        "num_workers": workers,
        "multiprocessing_context": "spawn" if workers else None,
        "persistent_workers": workers > 0,
    }
    if "block order" in reader:
        order = tv.training.BlockOrder(windows, BATCH, workers=workers)
        options["batch_sampler"] = order
    else:
        options |= {"batch_size": BATCH, "shuffle": True}
    if "batches" not in reader:
        kind = Torchcodecs if reader.startswith("torchcodec") else OneByOne
        return DataLoader(kind(windows, sample), **options)
    if "collated" not in reader:
        options["collate_fn"] = tv.training.collate
    return DataLoader(tv.training.WindowDataset(windows, sample), **options)


def count_wrong(loader: DataLoader) -> int:
    r"""Returns how many frames of an epoch are not those that were wanted."""
    wrong = 0
    for batch in loader:
        wanted = batch["first"].numpy()[:, None] + np.arange(SHOWN)
        wanted %= loader.dataset.sample.distinct
        found = read_numbers(batch["video"]["frames"].flatten(0, 1).numpy())
        wrong += int((found != wanted.ravel()).sum())
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
    files: dict[str, str], distinct: int, workers: int, repeats: int, clock: str
) -> list[dict[str, Any]]:
    r"""Returns samples per second of each reader, without and with workers, interleaved."""
    readers = [reader for reader, kind in READERS.items() if kind in files]
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        readers.pop()
        print(f"missing: torchcodec ({str(error).splitlines()[0]})")
    loaders = {
        (reader, n): load(reader, files[READERS[reader]], distinct, n)
        for reader in readers
        for n in (0, workers)
    }
    # The first epoch starts the workers, and is the one that is looked at.
    wrong = {kind: count_wrong(loader) for kind, loader in loaders.items()}
    rates: dict[Any, list[float]] = {kind: [] for kind in loaders}
    for _ in range(repeats):
        for kind, loader in loaders.items():
            stopwatch = Stopwatch(clock)
            n_samples = sum(len(batch["first"]) for batch in loader)
            rates[kind].append(n_samples / stopwatch.seconds())
    return [
        {
            "reader": reader,
            "workers": n,
            "samples_per_second": median(rates[reader, n]),
            "runs": rates[reader, n],
            "wrong": wrong[reader, n],
        }
        for reader, n in loaders
    ]


def measure_blocks(uri: str) -> dict[str, float]:
    r"""Returns how many frames are decoded per window, by the index alone."""
    video = tv.LazyVideo.from_uri(uri)
    windows = tv.training.regular_windows({"video": video}, WINDOW)
    numbers = [video.slice(w.start, w.end).frame_indices for w in windows]
    recording = video._recording

    def decoded(groups: list[list[int]]) -> float:
        costs = [
            frames_cost(recording, np.concatenate([numbers[n] for n in group]))
            for group in groups
        ]
        return sum(cost.decoded for cost in costs) / len(windows)

    seen: set[int] = set()
    blocks: list[list[int]] = []
    for draw in (
        draw for batch in tv.training.BlockOrder(windows, BATCH) for draw in batch
    ):
        if draw not in seen:
            blocks.append([int(draw), *draw.ahead])
            seen |= {*blocks[-1]}
    at_random, in_blocks = decoded([[n] for n in range(len(windows))]), decoded(blocks)
    return {
        "windows": len(windows),
        "decoded_per_window_at_random": at_random,
        "decoded_per_window_in_blocks": in_blocks,
        "fewer": at_random / in_blocks,
    }


def measure_batches(uri: str, n: int, repeats: int, distinct: int) -> dict[str, float]:
    r"""Returns what windows of one video take one by one and by ``read_many``."""
    video = tv.LazyVideo.from_uri(uri)
    rng = np.random.default_rng(0)
    spent: dict[str, list[float]] = {"one_by_one": [], "together": []}
    wrong = 0
    for _ in range(repeats):
        starts = rng.uniform(0.0, 60.0 - WINDOW, n)
        for how, seconds in spent.items():
            windows = [video.slice(start, start + 0.5) for start in starts]
            started = time.perf_counter()
            if how == "together":
                tv.read_many(windows)
            read = [window.frames for window in windows]
            seconds.append(time.perf_counter() - started)
            for window, frames in zip(windows, read):
                wanted = window.frame_indices % distinct
                wrong += int((read_numbers(frames) != wanted).sum())
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
        window = video.slice(start, start + 1.0)
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
    distinct: Annotated[int, typer.Option(help="Frames that are encoded.")] = 1500,
    copies: Annotated[int, typer.Option(help="Times that the video shows them.")] = 6,
    workers: Annotated[int, typer.Option()] = 2,
    repeats: Annotated[int, typer.Option(help="Timed epochs of each kind.")] = 5,
    recordings: Annotated[int, typer.Option(help="Recordings to open; 0 for none.")] = 1000,
    epoch: Annotated[int, typer.Option(help="Windows drawn from all of them.")] = 2000,
    clock: ClockOption = "wall",
    out: Annotated[Path, typer.Option(help="Where clips and results are kept.")] = Path(
        "build/benchmarks"
    ),
) -> None:
    r"""Measures training loops over this package and over torchcodec."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    clock_of(clock)
    files = make_files(out, distinct, copies)
    rows = measure_throughput(files, distinct, workers, repeats, clock)
    console = Console()
    table = Table("reader", "workers", "samples/s", "gain", "with workers", "wrong")
    rate = {(row["reader"], row["workers"]): row["samples_per_second"] for row in rows}
    for row in rows:
        reader, n, its_rate = row["reader"], row["workers"], row["samples_per_second"]
        table.add_row(
            reader,
            str(n),
            f"{its_rate:.1f}",
            f"{its_rate / rate[ONE_BY_ONE, n]:.2f} x",
            f"{rate[reader, workers] / rate[reader, 0]:.2f} x",
            str(row["wrong"]),
        )
    console.print(table)
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "load": os.getloadavg(),
        "clock": clock,
        "versions": {name: version(name) for name in PACKAGES if find_spec(name)},
        "throughput": rows,
        "blocks": measure_blocks(files["video"]),
        "batches": measure_batches(files["video"], 32, repeats, distinct),
    }
    console.print(results["blocks"], results["batches"])
    if recordings:
        with tempfile.TemporaryDirectory() as folder:
            results["many"] = measure_many(Path(folder), recordings, epoch)
        console.print(results["many"])
    (out / "training.json").write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    typer.run(main)
