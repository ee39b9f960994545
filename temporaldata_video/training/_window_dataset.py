r"""A dataset of windows that reads whole batches, and decodes into their memory.

What a worker sends for a batch is one array in shared memory. Frames decode straight into
it, instead of into arrays of their own that are collated.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.memory import empty_frames
from .._video.lazy_arrays import read_together
from .._video.series import VideoSeries
from ._block_order import Draw

if TYPE_CHECKING:
    import torch


class WindowDataset:
    r"""A map-style dataset of PyTorch that decodes the videos of a batch as one request.

    Args:
        windows: anything that ``sample`` takes.
        sample: returns the sample of a window, in which lazy videos stand, not yet
            decoded: a video, or mappings, lists and tuples of videos and other values.
            Windows that shall become one batch have equal numbers of frames, as by
            :meth:`LazyVideo.resample`.

    In place of each video, a sample has ``{"frames": ..., "valid": ...}``: its pixels, a
    tensor of shape (n, \*frame_shape) and the dtype of the video, and bool of shape (n,).

    Example ::

        >>> import numpy as np, temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4", resize=(32, 32))
        >>> windows = tv.training.regular_windows({"clip": video}, 0.5)
        >>> dataset = tv.training.WindowDataset(
        ...     windows, lambda window: video.slice(*window[1:]).resample(np.arange(4) / 8)
        ... )
        >>> len(dataset)
        3
    """

    def __init__(self, windows: Sequence[Any], sample: Callable[[Any], Any]) -> None:
        self.windows, self.sample = windows, sample
        # Samples that were decoded ahead, by the number of their window.
        self._ahead: OrderedDict[int, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> Any:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        r"""Returns the samples of a batch.

        Args:
            numbers: of windows; those of a :class:`BlockOrder` say what else to decode.

        Raises:
            ValueError: if the order was made for another number of workers.
        """
        most = max((_most_ahead(n) for n in numbers if isinstance(n, Draw)), default=0)
        ahead: dict[int, Any] = {}
        batch = []
        for number in numbers:
            sample = self._ahead.pop(int(number), None)
            if sample is None:
                sample = self.sample(self.windows[number])
                for later in getattr(number, "ahead", ()):
                    ahead[later] = self.sample(self.windows[later])
            batch.append(sample)
        videos = [[*_videos_in(sample)] for sample in batch]
        tensors = _decode(
            videos, [v for sample in ahead.values() for v in _videos_in(sample)]
        )
        self._ahead.update(ahead)
        while len(self._ahead) > most:
            self._ahead.popitem(last=False)
        return [_filled(sample, iter(its)) for sample, its in zip(batch, tensors)]


def _most_ahead(draw: Draw) -> int:
    # How many windows a worker needs to keep for an order.
    torch_data = sys.modules.get("torch.utils.data")
    worker = torch_data and torch_data.get_worker_info()
    n_workers = worker.num_workers if worker else 1
    if draw.workers % n_workers:
        raise ValueError(
            f"this BlockOrder was made with workers={draw.workers}, and the loader has "
            f"{n_workers}, so that each would decode what another one has decoded. Pass "
            f"workers={n_workers} to BlockOrder."
        )
    return draw.buffer * (draw.workers // n_workers)


def _videos_in(sample: Any) -> Iterator[VideoSeries]:
    if isinstance(sample, VideoSeries):
        yield sample
    elif isinstance(sample, Mapping):
        for value in sample.values():
            yield from _videos_in(value)
    elif isinstance(sample, (list, tuple)):
        for value in sample:
            yield from _videos_in(value)


def _filled(sample: Any, tensors: Iterator[Any]) -> Any:
    # The sample with the tensors in place of its videos, in the order of _videos_in.
    if isinstance(sample, VideoSeries):
        return next(tensors)
    if isinstance(sample, Mapping):
        return {name: _filled(value, tensors) for name, value in sample.items()}
    if isinstance(sample, (list, tuple)):
        values = [_filled(value, tensors) for value in sample]
        return values if isinstance(sample, list) else _tuple_like(sample, values)
    return sample


def _tuple_like(sample: Any, values: list[Any]) -> Any:
    return type(sample)(*values) if hasattr(sample, "_fields") else tuple(values)


def _decode(
    batch: list[list[VideoSeries]], ahead: list[VideoSeries]
) -> list[list[dict[str, torch.Tensor]]]:
    # Decodes all of them, and returns what stands for each video of the batch.
    import torch

    memory = _memory_for(batch)
    videos = [video for of_sample in batch for video in of_sample]
    arrays: list[Any] = [tensor.numpy() for of_sample in memory for tensor in of_sample]
    pairs = zip([*videos, *ahead], [*arrays, *[None] * len(ahead)])
    todo = [(v._lazy_frames, array) for v, array in pairs if v._lazy_frames.decoded is None]
    read_together([lazy for lazy, _ in todo], [array for _, array in todo])
    for video, array in zip(videos, arrays):
        if not np.shares_memory(array, video.frames):
            array[...] = video.frames  # decoded ahead, or the same video again
    return [
        [
            {"frames": tensor, "valid": torch.from_numpy(video.valid)}
            for video, tensor in zip(*of_sample)
        ]
        for of_sample in zip(batch, memory)
    ]


def _memory_for(batch: list[list[VideoSeries]]) -> list[list[torch.Tensor]]:
    # Videos at the same place of all samples lie in one tensor, if their shapes are equal.
    tensors: list[list[torch.Tensor]] = [[] for _ in batch]
    for place in range(max(map(len, batch))):
        found = [n for n, videos in enumerate(batch) if place < len(videos)]
        kinds = {(batch[n][place].shape, batch[n][place].dtype) for n in found}
        for part in [found] if len(kinds) == 1 else [[n] for n in found]:
            first = batch[part[0]][place]
            for n, tensor in zip(part, _memory((len(part), *first.shape), first.dtype)):
                tensors[n].append(tensor)
    return tensors


def _memory(shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
    import torch

    size = prod(shape) * dtype.itemsize
    if size == 0 or torch.utils.data.get_worker_info() is None:
        return torch.from_numpy(empty_frames(shape, dtype))
    # In a worker, this is the memory that PyTorch's own collation takes.
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    shared = torch.UntypedStorage._new_shared(size)
    return torch.empty(0, dtype=kind).set_(
        torch.TypedStorage(wrap_storage=shared, dtype=kind, _internal=True), 0, shape
    )


def collate(samples: Sequence[Any], others: Callable[[Any], Any] | None = None) -> Any:
    r"""Returns a batch of samples of a :class:`WindowDataset`, without a copy of frames.

    Args:
        samples: of one batch.
        others: collates all other values, as ``torch_brain.batching.collate``; PyTorch's
            ``default_collate`` by default.

    Returns:
        What PyTorch makes of such samples: frames are of shape (batch, n, \*frame_shape).
    """
    import torch

    first = samples[0]
    if isinstance(first, torch.Tensor):
        whole = first._base
        if whole is not None and _is_cut_into(whole, samples):
            return whole
    elif isinstance(first, Mapping):
        return {name: collate([s[name] for s in samples], others) for name in first}
    elif type(first) in (list, tuple):
        return [collate(column, others) for column in zip(*samples, strict=True)]
    return (others or torch.utils.data.default_collate)(samples)


def _is_cut_into(whole: torch.Tensor, parts: Sequence[Any]) -> bool:
    return len(whole) == len(parts) and all(
        part._base is whole
        and part.shape == whole.shape[1:]
        and part.storage_offset() == number * part.numel()
        for number, part in enumerate(parts)
    )
