r"""Fetches the bytes of frames into the cache before they are read."""

from __future__ import annotations

import numpy as np

from .._base.progress import progress_bar
from .._bytes.configured_cache import ConfiguredCache, require_cache
from .._decode.read_file import prefetch_frames, read_cost
from .lazy_arrays import rows_by_file
from .recording import Recording


def prefetch_recording(
    recording: Recording, frames: np.ndarray, progress: bool = False
) -> None:
    r"""Fetches into the cache the bytes that reading the frames would fetch.

    Args:
        recording: the recording of the frames.
        frames: frame numbers, int64 of shape (n,).
        progress: show a progress bar.

    Raises:
        CacheError: if there is no cache, or it is too small.
    """
    wanted = [
        (file, np.sort(rows))
        for file, rows, _ in rows_by_file(recording, np.unique(frames))
        if file.cache is not None
    ]
    n_bytes = sum(read_cost(file, rows).bytes for file, rows in wanted)
    if any(isinstance(file.cache, ConfiguredCache) for file, _ in wanted):
        require_cache(n_bytes)
    done = 0
    with progress_bar("fetching", n_bytes, progress) as show:

        def advance(n_more: int) -> None:
            nonlocal done
            done += n_more
            if show is not None:
                show(done)

        for file, rows in wanted:
            prefetch_frames(file, rows, advance)
