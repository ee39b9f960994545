r"""Arrays that are known by their shape until someone asks for their contents.

They stand in the ``__dict__`` of a series where the host expects NumPy arrays, and offer
what its ``slice``, ``select_by_mask``, ``copy`` and ``repr`` use of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from .recording import Recording
from .requests import Request, read_together


class ColumnLoader(Protocol):
    r"""Returns one column of a series; pickled with it, so it holds no open file."""

    def __call__(self) -> np.ndarray: ...


@dataclass(frozen=True)
class FromRecording:
    r"""Loads a column of a recording's index in time order.

    Args:
        recording: the one that they belong to.
        attribute: ``"sorted_timestamps"`` or ``"time_order"``.
    """

    recording: Recording
    attribute: str

    def __call__(self) -> np.ndarray:
        return getattr(self.recording, self.attribute)


class LazyColumn:
    r"""A column that is loaded when it is looked into.

    Args:
        load: returns the column, read-only; it is what keeps it, too.
    """

    def __init__(self, load: ColumnLoader) -> None:
        self._load = load

    @property
    def values(self) -> np.ndarray:
        r"""The column, shared by all copies and therefore read-only."""
        return self._load()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self.values[key]

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(self.values, *args, **kwargs)

    def __str__(self) -> str:
        return str(list(self.shape))

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyColumn:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyColumn, (self._load,)


@dataclass(eq=False)
class LazyFrames:
    r"""The pixels of frames, decoded at first access and kept.

    Args:
        recording: the one that they belong to.
        frames: frame numbers, int64 of shape (n,) or a :class:`LazyColumn` of them.
        decoded: pixels and validity once they are known.
    """

    recording: Recording
    frames: np.ndarray | LazyColumn
    decoded: tuple[NDArray[np.uint8], NDArray[np.bool_]] | None = field(
        default=None, repr=False
    )

    ndim = 4
    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.frames), *self.recording.frame_shape)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        r"""The pixels, uint8 of :attr:`shape`."""
        return self._decode()[0]

    @property
    def valid(self) -> NDArray[np.bool_]:
        r"""Which frames are what the video holds, bool of shape (n,)."""
        return self._decode()[1]

    def all_valid(self) -> NDArray[np.uint8]:
        r"""Returns :attr:`pixels`, for those who do not ask which of them are valid.

        Raises:
            DecodeError: if some are not.
        """
        if not self.valid.all():
            lost = np.asarray(self.frames)[~self.valid]
            raise DecodeError(
                f"{len(lost)} of the {len(self)} frames asked for do not decode, the first "
                f"being frame {lost[0]} of {self.recording.parts[0].uri!r}. Pass "
                f"return_valid=True to have zeros there and a mask that says where."
            )
        return self.pixels

    def _decode(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if self.decoded is None:
            request = Request(self.recording, np.asarray(self.frames))
            (self.decoded,) = read_together([request])
        return self.decoded

    def __getitem__(self, key: Any) -> LazyFrames:
        decoded = self.decoded
        if decoded is not None:
            # Slices are copied as the host copies its own: the parent can be freed.
            decoded = decoded[0][key].copy(), decoded[1][key].copy()
        return LazyFrames(self.recording, self.frames[key], decoded)

    def copy(self) -> LazyFrames:
        r"""Returns the same frames; the host copies what it has sliced."""
        return self

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(self.pixels, *args, **kwargs)

    def __str__(self) -> str:
        return str(list(self.shape))

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyFrames:
        decoded = self.decoded and (self.decoded[0].copy(), self.decoded[1].copy())
        frames = self.frames if isinstance(self.frames, LazyColumn) else self.frames.copy()
        return LazyFrames(self.recording, frames, decoded)
