r"""What is known of a lazy video without decoding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..types import ChannelFormat, Colorspace, Cost
from .lazy_arrays import LazyFrames
from .recording import VideoSource


class VideoFacts:
    r"""The properties of a lazy video; all but :attr:`valid` come from the index alone."""

    _source: VideoSource
    _metadata: Any
    _origin: float  # seconds in the recording at which this window counts from 0

    if TYPE_CHECKING:  # what the host brings

        @property
        def frame_indices(self) -> NDArray[np.int64]: ...

        def __len__(self) -> int: ...

    @property
    def _lazy_frames(self) -> LazyFrames:
        return self.__dict__["frames"]

    @property
    def _numbers(self) -> NDArray[np.int64]:
        # Frame numbers to look something up by: none that the recording does not have.
        return self._source.checked(self.frame_indices)

    @property
    def valid(self) -> NDArray[np.bool_]:
        r"""Which of :attr:`frames` did decode, bool of shape (n,)."""
        return self._lazy_frames.valid

    @property
    def uri(self) -> str:
        r"""Path or uri of the video, of its first file if there are several."""
        return self._source.parts[0].uri

    @property
    def metadata(self) -> Any:
        r"""What was handed over as ``metadata``, the same object in every slice."""
        return self._metadata

    @property
    def shape(self) -> tuple[int, int, int, int]:
        r"""Shape of :attr:`frames`."""
        return self._lazy_frames.shape

    @property
    def frame_count(self) -> int:
        r"""Number of frames in this window."""
        return len(self)

    @property
    def resize(self) -> tuple[int, int] | None:
        r"""Height and width in pixels to which frames are scaled, or :obj:`None`."""
        return self._source.output.resize

    @property
    def colorspace(self) -> Colorspace:
        r"""``"RGB"`` or ``"G"``."""
        return self._source.output.colorspace

    @property
    def channel_format(self) -> ChannelFormat:
        r"""``"NCHW"`` or ``"NHWC"``."""
        return self._source.output.channel_format

    @property
    def segment_frame_counts(self) -> NDArray[np.int64]:
        r"""Frames of each segment of the whole video, int64 of shape (n_segments,)."""
        return self._source.frame_counts.copy()

    @property
    def segment_frame_offsets(self) -> NDArray[np.int64]:
        r"""Number of the first frame of each segment, int64 of shape (n_segments,)."""
        return self._source.frame_offsets.copy()

    def cost(self) -> Cost:
        r"""Returns what :attr:`frames` would cost, in frames, bytes and byte ranges."""
        return self._source.cost(self.frame_indices)

    def prefetch(self, progress: bool = False) -> None:
        r"""Fetches the bytes that :attr:`frames` needs into the cache.

        What is in the cache already is not fetched again, and local files are read in
        place. The frames are not decoded. See :func:`configure`.

        Args:
            progress: show a progress bar.

        Raises:
            CacheError: if there is no cache, or it is too small.
            StaleIndexError: if a file is not the one that was indexed.
        """
        self._source.prefetch(self.frame_indices, progress)
