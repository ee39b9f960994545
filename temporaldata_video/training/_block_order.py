r"""An order of windows in which neighbours are decoded together and trained on apart.

Windows that lie in one group of pictures need the same frames before them. So neighbours
make a block, whose windows are decoded with its first one, and then come one by one: each
batch takes its windows from as many blocks, drawn from those that have begun.

Each worker of a loader makes every n-th batch, so that each has blocks of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .._video.arguments import check_choice
from .._video.series import VideoSeries

_FACTS = "batch_size", "block", "buffer", "seed", "workers", "world_size", "uneven"


class Window(NamedTuple):
    r"""The span ``[start, end)`` of a recording, as torch_brain's ``DatasetIndex`` has it.

    Args:
        recording_id: names the recording.
        start: seconds.
        end: seconds.
    """

    recording_id: str
    start: float
    end: float


class _Span(Protocol):
    # A Window, or a DatasetIndex.
    @property
    def recording_id(self) -> Any: ...

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...


class Draw(int):
    r"""The number of a window, and what to decode with it.

    As it is an integer, any dataset takes it for an index.

    Args:
        number: of the window.
        ahead: numbers of the windows of its block that come later.
        workers: how many workers the order was made for.
        buffer: how many windows of each worker's order are in blocks that have begun.
    """

    ahead: tuple[int, ...]
    workers: int
    buffer: int

    def __new__(
        cls, number: int, ahead: tuple[int, ...], workers: int, buffer: int
    ) -> Draw:
        self = super().__new__(cls, number)
        self.ahead, self.workers, self.buffer = ahead, workers, buffer
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Draw, (int(self), self.ahead, self.workers, self.buffer)


class BlockOrder:
    r"""A batch sampler that shuffles blocks of neighbouring windows, and mixes them.

    Every epoch cuts the windows into other blocks. No two windows of a block are in one
    batch, as long as there are blocks enough: ``batch_size * block`` windows for each
    worker and rank.

    Its state is what the training loop says that it has consumed, since a loader draws
    batches long before: set :attr:`consumed`, save :meth:`state_dict`, and a run that was
    killed at any step goes on with the batches that it would have had.

    Args:
        windows: :class:`Window`, or others with ``recording_id``, ``start`` and ``end``.
        batch_size: windows in a batch.
        block: neighbours that are decoded together.
        buffer: windows of the blocks that batches are drawn from; at least
            ``batch_size * block``, and twice that by default. About half of them are kept
            decoded, by each worker.
        seed: of the random numbers.
        workers: ``num_workers`` of the loader; 0 is as 1.
        rank: number of this process among those that train together.
        world_size: how many they are.
        uneven: where the windows cannot be divided evenly between the ranks, ``"pad"``
            repeats some, and ``"drop"`` leaves some out.

    Raises:
        ValueError: if an argument has a value that is not allowed.

    Example ::

        >>> from temporaldata_video.training import BlockOrder, Window
        >>> windows = [Window("rec0", t / 2, t / 2 + 0.5) for t in range(200)]
        >>> order = BlockOrder(windows, batch_size=4, block=8)
        >>> batches = list(order)
        >>> len(batches), sorted(sum(batches, [])) == list(range(200))
        (50, True)
    """

    def __init__(
        self,
        windows: Sequence[_Span],
        batch_size: int,
        *,
        block: int = 8,
        buffer: int | None = None,
        seed: int = 0,
        workers: int = 1,
        rank: int = 0,
        world_size: int = 1,
        uneven: Literal["pad", "drop"] = "pad",
    ) -> None:
        check_choice("uneven", uneven, ("pad", "drop"))
        for name, number in (("batch_size", batch_size), ("block", block)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}.")
        if not 0 <= rank < world_size:
            raise ValueError(
                f"rank must be from 0 to world_size - 1, got {rank} of {world_size}."
            )
        if not len(windows):
            raise ValueError("windows is empty; give at least one window.")
        least = batch_size * block
        if buffer is not None and buffer < least:
            raise ValueError(
                f"buffer must be at least batch_size * block = {least} windows, so that "
                f"each window of a batch can be of another block; got {buffer}."
            )
        self.batch_size, self.block, self.seed, self.uneven = (
            batch_size,
            block,
            seed,
            uneven,
        )
        self.buffer = 2 * least if buffer is None else buffer
        self.workers, self.rank, self.world_size = max(1, workers), rank, world_size
        self._n_windows = len(windows)
        self._windows_digest, self._neighbours = _by_recording(windows)
        self.epoch = 0
        #: Windows of this epoch and rank that the training loop has consumed.
        self.consumed = 0

    def __len__(self) -> int:
        return -(-self._share // self.batch_size)

    @property
    def _share(self) -> int:
        # How many windows a rank has.
        share, left = divmod(self._n_windows, self.world_size)
        return share + (left > 0 and self.uneven == "pad")

    @property
    def sampler(self) -> BlockOrder:
        r"""Itself: where Lightning looks for what to tell the epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        r"""Begins an epoch, in which the order is another one; goes on with it if it is
        the one that :meth:`load_state_dict` loaded.

        Args:
            epoch: its number.
        """
        if epoch != self.epoch:
            self.epoch, self.consumed = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        r"""Returns what a checkpoint must hold; every rank's is the same."""
        return {"epoch": self.epoch, "consumed": self.consumed, "order": self._facts}

    @property
    def _facts(self) -> dict[str, Any]:
        facts = {name: getattr(self, name) for name in _FACTS}
        return {**facts, "windows": self._windows_digest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        r"""Goes on where an order like this one was.

        Args:
            state: from :meth:`state_dict`.

        Raises:
            ValueError: if it is of another order, so that windows would be skipped or come
                twice.
        """
        theirs, ours = state["order"], self._facts
        differing = [name for name in ours if theirs.get(name) != ours[name]]
        if differing:
            named = ", ".join(
                f"{n}={theirs.get(n)!r} (here {ours[n]!r})" for n in differing
            )
            raise ValueError(
                f"the state is of another order: {named}. Make the BlockOrder with the "
                f"same windows and arguments, or begin the epoch again without the state."
            )
        self.epoch, self.consumed = int(state["epoch"]), int(state["consumed"])

    def __iter__(self) -> Iterator[list[Draw]]:
        first, left = divmod(self.consumed, self.batch_size)
        if self.consumed < 0 or (left and self.consumed != self._share):
            raise ValueError(
                f"consumed must be whole batches of {self.batch_size} windows, got "
                f"{self.consumed}."
            )
        lanes = self._lanes()
        for number in range(len(self)):
            batch = next(lanes[number % len(lanes)])
            if number >= first + (left > 0):
                yield batch

    def _lanes(self) -> list[Iterator[list[Draw]]]:
        # The batches of each worker, of which each makes every n-th one.
        random = np.random.default_rng([self.seed, self.epoch])
        windows, owners = self._shuffled_blocks(random)
        mine = np.arange(self.rank * self._share, (self.rank + 1) * self._share)
        mine %= self._n_windows
        sizes = np.full(len(self), self.batch_size)
        sizes[-1:] = self._share - self.batch_size * (len(self) - 1)
        lanes, first = [], 0
        for lane in range(self.workers):
            its_sizes = sizes[lane :: self.workers]
            its = mine[first : first + its_sizes.sum()]
            first += len(its)
            edges = np.flatnonzero(np.diff(owners[its])) + 1
            blocks = [part.tolist() for part in np.split(windows[its], edges)]
            seeds = [self.seed, self.epoch, self.rank, lane]
            lanes.append(self._mixed(blocks, its_sizes.tolist(), seeds))
        return lanes

    def _shuffled_blocks(
        self, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # All windows block by block, and the block of each.
        blocks: list[NDArray[np.int64]] = []
        for neighbours in self._neighbours:
            edges = np.arange(
                random.integers(1, self.block + 1), len(neighbours), self.block
            )
            blocks += np.split(neighbours, edges)
        order = random.permutation(len(blocks))
        parts = [random.permutation(blocks[number]) for number in order]
        return np.concatenate(parts), np.repeat(order, [len(part) for part in parts])

    def _mixed(
        self, blocks: list[list[int]], sizes: list[int], seeds: list[int]
    ) -> Iterator[list[Draw]]:
        # Batches, each window of which is of another block of those that have begun.
        random = np.random.default_rng(seeds)
        waiting, begun = iter(blocks), list[list[int]]()
        most = self.buffer // self.block
        for size in sizes:
            batch: list[Draw] = []
            while len(batch) < size:
                begun += islice(waiting, most - len(begun))
                turns = random.permutation(len(begun))
                if len(begun) < most:
                    # The last blocks end together, or the last batches would be of few.
                    turns = turns[
                        np.argsort([-len(begun[t]) for t in turns], kind="stable")
                    ]
                for turn in turns[: size - len(batch)].tolist():
                    number, *ahead = begun[turn]
                    begun[turn] = ahead
                    batch.append(Draw(number, tuple(ahead), self.workers, self.buffer))
                begun = [block for block in begun if block]
            yield batch


def _by_recording(windows: Sequence[_Span]) -> tuple[str, list[NDArray[np.int64]]]:
    # A digest of all windows, and the numbers of those of each recording, sorted by time.
    digest = blake2b(digest_size=8)
    found: dict[Any, list[tuple[float, float, int]]] = {}
    for number, window in enumerate(windows):
        name, start, end = window.recording_id, float(window.start), float(window.end)
        digest.update(repr((name, start, end)).encode())
        found.setdefault(name, []).append((start, end, number))
    numbers = [np.array([n for *_, n in sorted(spans)]) for spans in found.values()]
    return digest.hexdigest(), numbers


def regular_windows(
    videos: Mapping[str, VideoSeries], seconds: float, every: float | None = None
) -> list[Window]:
    r"""Returns windows at equal distances over the domains of several videos; none is in a
    pause of the camera.

    Args:
        videos: by the name of their recording.
        seconds: length of a window.
        every: seconds from the start of a window to that of the next, ``seconds`` by
            default.

    Returns:
        The windows, sorted by recording and time.

    Raises:
        ValueError: if a length is not positive.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> tv.training.regular_windows({"clip": video}, 0.5, every=0.75)
        [Window(recording_id='clip', start=0.0, end=0.5),
         Window(recording_id='clip', start=0.75, end=1.25)]
    """
    every = seconds if every is None else every
    for name, value in (("seconds", seconds), ("every", every)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a positive number of seconds, got {value}.")
    return [
        Window(recording, float(start), float(start + seconds))
        for recording, video in videos.items()
        for first, last in zip(video.domain.start, video.domain.end)
        for start in np.arange(first, last - seconds + 1e-9, every)
    ]
