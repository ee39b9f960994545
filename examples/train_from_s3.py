r"""Trains a tiny model on random one-second windows of a video on object storage.

    python examples/train_from_s3.py s3://lab/day1/cam.mp4 --steps 200 --workers 4

Credentials and endpoint come from the environment, as for every tool of the store. The
model guesses the last frame of a window from those before it, pixel by pixel, which NumPy
alone can train: what matters here is how its samples are read.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from temporaldata import Data, Interval

import temporaldata_video as tv

WINDOW_SECONDS = 1.0
TIMES = np.linspace(0.0, WINDOW_SECONDS, 5, endpoint=False)
LEARNING_RATE = 0.02


class Windows:
    r"""Windows of a recording by number, as a map-style dataset of PyTorch has them.

    Args:
        data: the recording; workers get a copy of it, which holds no pixel.
        starts: seconds at which the windows begin.
    """

    def __init__(self, data: Data, starts: np.ndarray) -> None:
        self.data, self.starts = data, starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, k: int) -> np.ndarray:
        start = float(self.starts[k])
        sample = self.data.slice(start, start + WINDOW_SECONDS)
        frames = sample.video.resample(TIMES).frames  # (5, 1, 64, 64) uint8, fetched now
        return frames[:, 0].astype(np.float32) / 255


def samples(windows: Windows, workers: int) -> Iterator[np.ndarray]:
    r"""Yields all windows, read ahead by worker processes where there are any."""
    try:
        from torch.utils.data import DataLoader
    except ImportError:
        yield from samples_without_torch(windows, workers)
        return
    loader = DataLoader(
        windows, batch_size=None, num_workers=workers, persistent_workers=workers > 0
    )
    yield from map(np.asarray, loader)


def samples_without_torch(windows: Windows, workers: int) -> Iterator[np.ndarray]:
    r"""Yields all windows as :func:`samples` does."""
    if not workers:
        yield from (windows[k] for k in range(len(windows)))
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(windows.__getitem__, range(len(windows)))


def main() -> None:
    r"""Indexes the video if it has no index yet, and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "uri", help="a video: s3://, r2://, gs://, az://, https:// or a path"
    )
    parser.add_argument("--index-uri", help="where its index lies, if not beside it")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()

    where = {"index_uri": arguments.index_uri} if arguments.index_uri else {}
    (report,) = tv.index_many([arguments.uri], **where)  # keeps an index that is fresh
    if report.status == "failed":
        parser.exit(1, f"{report.reason}\n")

    video = tv.LazyVideo.from_uri(
        arguments.uri, **where, resize=(64, 64), colorspace="G", on_error="mask"
    )
    end = float(video.timestamps[-1])
    data = Data(video=video, domain=Interval(0.0, end))
    starts = np.random.default_rng(0).uniform(0.0, end - WINDOW_SECONDS, arguments.steps)

    weights, losses = np.full(len(TIMES) - 1, 0.5, np.float32), []
    for frames in samples(Windows(data, starts), arguments.workers):
        past, target = frames[:-1], frames[-1]
        residual = np.tensordot(weights, past, 1) - target
        weights -= LEARNING_RATE * np.array([(residual * frame).mean() for frame in past])
        losses.append(float((residual**2).mean()))
    tenth = max(1, len(losses) // 10)
    print(f"{len(losses)} windows of {report.frames} frames")
    print(f"loss {np.mean(losses[:tenth]):.4f} -> {np.mean(losses[-tenth:]):.4f}")


if __name__ == "__main__":
    main()
