r"""Measures reading from object storage: ``python -m benchmarks.remote --help``.

A real S3 server on loopback stands behind a proxy that delays each request and writes it
down, so that requests and bytes are what the server saw. All frames are checked.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import temporaldata_video as tv
from temporaldata_video._bytes.configured_cache import configured_cache
from temporaldata_video.testing import make_clip, read_numbers
from temporaldata_video.types import ByteRange
from tests.servers import Proxy, S3Server, serve_proxy, serve_s3

from .remote_video import (
    BUCKET,
    DELAY_SECONDS,
    Remote,
    fresh_cache,
    fresh_key,
    make_video,
    uploaded,
)
from .report import machine
from .special import moov_bytes

TIME = "first window: ms from opening to pixels"


class Figure(NamedTuple):
    r"""Something measured, beside what it must be.

    Args:
        what: in words.
        measured: with its unit.
        bound: with its unit.
        holds: whether it is what it must be.
    """

    what: str
    measured: str
    bound: str
    holds: bool


# What it must show ----------------------------------------------------------------------


def first_window(remotes: Iterator[Remote]) -> list[Figure]:
    r"""Opens videos that nobody has read, and reads a second of each, twice."""
    sidecar, media, beyond, again, wrong = [], [], [], [], 0
    seconds, near = [], []
    random = np.random.default_rng(0)
    for remote in remotes:
        with fresh_cache():
            remote.proxy.forget()
            started = time.perf_counter()
            video = remote.open()
            start = random.uniform(0.0, video.timestamps[-1] - 1.0)
            window = video.slice(start, start + 1.0)
            _ = window.frames
            seconds.append(time.perf_counter() - started)
            sidecar.append(len(remote.requests(sidecar=True)))
            media.append(len(remote.requests()))
            sent = sum(r.sent for r in remote.requests() if r.method == "GET")
            block = tv.configuration().cache_block_bytes
            beyond.append(sent - window.cost().bytes - 2 * block)
            wrong += remote.wrong(window)
            local = tv.LazyVideo.from_uri(remote.path, index_uri=_local_index(remote.path))
            _ = local.slice(start, start + 0.1).cost()  # rows of the index are read
            started = time.perf_counter()
            pixels = local.frames_at(window.frame_indices)
            near.append(time.perf_counter() - started)
            alike = np.array_equal(pixels, window.frames)
            wrong += 0 if alike else 1
            remote.proxy.forget()
            _ = video.slice(start, start + 1.0).frames
            again.append(len(remote.proxy.requests()))
        most = 0.1 * os.path.getsize(remote.path) / 100e6 + 0.15
    return [
        _at_most("first window: requests for the sidecar", max(sidecar), 4),
        _at_most("first window: requests for the media", max(media), 2),
        _at_most("first window: bytes beyond its span in whole blocks", max(beyond), 0),
        _at_most(TIME, 1e3 * median(seconds), 1e3 * most),
        Figure("... from the local disk, opened", f"{1e3 * median(near):.4g}", "", True),
        _at_most("second read: requests", max(again), 0),
        _at_most("first window: wrong frames", wrong, 0),
    ]


def shared_cache(
    remote: Remote, n_processes: int, n_windows: int, quota_bytes: int
) -> list[Figure]:
    r"""Has processes read windows at random, first with room for all, then with little."""
    figures = []
    video = remote.indexed_in_memory()
    for quota in (10**10, quota_bytes):
        with fresh_cache(cache_quota_bytes=quota):
            remote.proxy.forget()
            share = n_windows // n_processes
            readers = [_Reader(remote, video, k, share) for k in range(n_processes)]
            most = 0
            while any(reader.process.is_alive() for reader in readers):
                most = max(most, _cached_bytes())
            wrong = sum(reader.wrong() for reader in readers)
            block = tv.configuration().cache_block_bytes
            times = Counter(n for r in remote.requests() for n in _blocks(r.range, block))
        name = f"{share * n_processes} windows, {n_processes} processes"
        figures.append(_at_most(f"{name}: wrong frames", wrong, 0))
        if quota == quota_bytes:
            bound = quota + n_processes * block
            figures.append(_at_most(f"{name}, little room: most bytes kept", most, bound))
        else:
            what = f"{name}: times that a block was fetched, of {len(times)}"
            figures.append(_at_most(what, max(times.values()), 1))
    return figures


def killed_readers(remote: Remote, n_kills: int, quota_bytes: int) -> list[Figure]:
    r"""Kills readers at random moments, and looks at what they left."""
    random = np.random.default_rng(0)
    video = remote.indexed_in_memory()
    with fresh_cache(cache_quota_bytes=quota_bytes):
        survivor = _Reader(remote, video, 1000, 2 * n_kills)
        for kill in range(n_kills):
            reader = _Reader(remote, video, kill, 10**6)
            time.sleep(random.uniform(0.0, 0.5))
            os.kill(reader.process.pid, signal.SIGKILL)
            reader.process.join()
        wrong = survivor.wrong()
        next_one = _Reader(remote, video, 1001, 1)
        wrong += next_one.wrong()
        files = configured_cache().files
        litter = len(os.listdir(os.path.join(files.root, "aside")))
        content, store = remote.path.read_bytes(), remote.store()
        (served,) = configured_cache().read_ranges(
            store, remote.uri, [ByteRange(0, len(content))], store.head(remote.uri)
        )
        damaged = sum(a != b for a, b in _in_pieces(served, content))
    return [
        _at_most(f"{n_kills} readers killed: wrong frames of others", wrong, 0),
        _at_most("... wrong 64 KiB of the file, read through the cache", damaged, 0),
        _at_most("... files left aside after the next start", litter, 0),
    ]


def failing_requests(remote: Remote, n_windows: int) -> list[Figure]:
    r"""Reads windows at random while one request in twenty fails."""
    video = remote.indexed_in_memory()
    faults = ("drop", "truncate", "503", "500", "429")
    remote.proxy.behave(delay=DELAY_SECONDS, fault_rate=0.05, faults=faults, seed=1)
    starts = np.random.default_rng(1).uniform(0.0, video.timestamps[-1] - 0.1, n_windows)
    with fresh_cache(cache_kind="none"), ThreadPoolExecutor(4) as pool:
        wrong = sum(pool.map(lambda a: remote.wrong(video.slice(a, a + 0.1)), starts))
    failed = sum(bool(r.fault) for r in remote.proxy.requests())
    remote.proxy.behave(delay=DELAY_SECONDS)
    what = f"{n_windows} windows, {failed} requests failing: wrong frames"
    return [_at_most(what, wrong, 0)]


def replaced_objects(
    s3: S3Server, proxy: Proxy, folder: Path, n_reads: int
) -> list[Figure]:
    r"""Replaces the object in the middle of reads of scattered frames."""
    clips = [
        make_clip(folder / f"replaced_{first}.mp4", 240, gop=24, first_frame=first)
        for first in (0, 1000)
    ]
    wanted = [3, 60, 110, 160, 239]
    outcomes: Counter[str] = Counter()
    for number in range(n_reads):
        with uploaded(s3, proxy, clips[0], 240) as remote, fresh_cache():
            video = remote.open()
            proxy.behave(
                delay=DELAY_SECONDS,
                matching=r"cam\.mp4$",
                replace_after=number % 7,
                replace_path=remote.uri.removeprefix("s3:/"),
                replace_file=str(clips[1]),
            )
            try:
                found = read_numbers(video.frames_at(wanted)).tolist()
                outcomes["old" if found == wanted else "mixed"] += 1
            except (tv.SourceChangedError, tv.StaleIndexError):
                outcomes["error"] += 1
    told = f"{outcomes['error']} errors, {outcomes['old']} old, {outcomes['mixed']} mixed"
    mixed = outcomes["mixed"]
    return [Figure(f"object replaced in {n_reads} reads", told, "0 mixed", mixed == 0)]


def opened_without_sidecar(remote: Remote) -> list[Figure]:
    r"""Opens a video that has no index."""
    uri = remote.s3.put(fresh_key(), remote.path.read_bytes())
    options = remote.s3.options(remote.proxy)
    remote.proxy.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.IndexWarning)
        n_frames = len(tv.LazyVideo.from_uri(uri, storage_options=options))
    sent = sum(r.sent for r in remote.requests() if r.method == "GET")
    ratio = sent / moov_bytes(remote.path)
    return [
        _at_most(f"opening {n_frames} frames without a sidecar: bytes per moov", ratio, 1.2)
    ]


# Tools ----------------------------------------------------------------------------------


class _Reader:
    # A forked process that reads windows at random and counts the frames that are wrong.

    def __init__(self, remote: Remote, video: tv.LazyVideo, seed: int, n: int) -> None:
        context = multiprocessing.get_context("fork")
        self.found = context.Queue()
        self.process = context.Process(target=self._run, args=(remote, video, seed, n))
        self.process.start()

    def _run(self, remote: Remote, video: tv.LazyVideo, seed: int, n: int) -> None:
        last = video.timestamps[-1] - 1.0
        starts = np.random.default_rng(seed).uniform(0.0, last, min(n, 10_000))
        self.found.put(sum(remote.wrong(video.slice(a, a + 0.5)) for a in starts))

    def wrong(self) -> int:
        found = self.found.get(timeout=600)
        self.process.join()
        return found


def _at_most(what: str, measured: float, bound: float) -> Figure:
    return Figure(what, f"{measured:.4g}", f"<= {bound:.4g}", measured <= bound)


def _cached_bytes() -> int:
    files = configured_cache().files
    aside = Path(files.root, "aside")
    total = sum(entry.bytes for entry in files.entries())
    for path in aside.glob("*") if aside.is_dir() else ():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _blocks(header: str, block_bytes: int) -> range:
    # The blocks of a range as HTTP writes it, "bytes=first-last".
    if not header:
        return range(0)
    first, last = map(int, header.removeprefix("bytes=").split("-"))
    return range(first // block_bytes, last // block_bytes + 1)


def _in_pieces(
    one: bytes, other: bytes, size: int = 65536
) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, max(len(one), len(other)), size):
        yield one[at : at + size], other[at : at + size]


def _local_index(path: Path) -> str:
    place = f"{path}.lance"
    if not os.path.exists(place):
        tv.write_index(path, index_uri=place, progress=False)
    return place


def measure(
    folder: Path,
    *,
    distinct: int = 3000,
    copies: int = 36,
    size: tuple[int, int] = (480, 640),
    repeats: int = 5,
    windows: int = 200,
    processes: int = 4,
    kills: int = 50,
    fragile_windows: int = 1000,
    replacements: int = 20,
    quota_bytes: int = 20_000_000,
    block_bytes: int = 256 * 1024,
) -> list[Figure]:
    r"""Returns all figures.

    Args:
        folder: where videos are kept.
        distinct: frames that are encoded.
        copies: how many times the video shows them.
        size: height and width in pixels.
        repeats: videos whose first window is read.
        windows: that processes share.
        processes: that share them.
        kills: readers that are killed.
        fragile_windows: that are read while requests fail.
        replacements: reads in which the object is replaced.
        quota_bytes: of the cache where it is said to be small.
        block_bytes: of the cache.
    """
    path = make_video(folder, distinct, copies, size)
    with fresh_cache(cache_block_bytes=block_bytes), ExitStack() as stack:
        s3 = stack.enter_context(serve_s3())
        proxy = stack.enter_context(serve_proxy(s3.url))
        s3.make_bucket(BUCKET)
        with fresh_cache():
            small = make_clip(folder / "small.mp4", 60)
            with uploaded(s3, proxy, small, 60) as remote:
                _ = remote.open().frames  # libraries are loaded at the first read

        def several() -> Iterator[Remote]:
            for _ in range(repeats):
                with uploaded(s3, proxy, path, distinct) as remote:
                    yield remote

        figures = first_window(several())
        remote = stack.enter_context(uploaded(s3, proxy, path, distinct))
        with fresh_cache():
            figures += opened_without_sidecar(remote)
        figures += shared_cache(remote, processes, windows, quota_bytes)
        figures += killed_readers(remote, kills, quota_bytes)
        figures += failing_requests(remote, fragile_windows)
        figures += replaced_objects(s3, proxy, folder, replacements)
    return figures


def main(
    out: Annotated[Path, typer.Option(help="Where videos and results are kept.")] = Path(
        "build/benchmarks"
    ),
    quick: Annotated[bool, typer.Option(help="A tenth of everything.")] = False,
) -> None:
    r"""Measures what a window of a remote video costs, and what may go wrong."""
    out.mkdir(parents=True, exist_ok=True)
    less: dict[str, Any] = (
        {"copies": 4, "windows": 40, "kills": 5, "fragile_windows": 100, "replacements": 5}
        if quick
        else {}
    )
    started = time.perf_counter()
    figures = measure(out, **less)
    table = Table("figure", "measured", "must be", "")
    for figure in figures:
        table.add_row(
            figure.what, figure.measured, figure.bound, "" if figure.holds else "!"
        )
    Console().print(table)
    result = {
        "machine": machine(),
        "delay_seconds": DELAY_SECONDS,
        "minutes": (time.perf_counter() - started) / 60,
        "figures": [figure._asdict() for figure in figures],
    }
    (out / "remote.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    typer.run(main)
