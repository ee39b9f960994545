r"""Defines every exception and warning that this package raises.

.. code-block:: text

    VideoError                      whatever goes wrong in this package
    ├── SourceError                 the bytes of a video cannot be read or are no video
    │   ├── SourceNotFoundError     ... because nothing is there (also a FileNotFoundError)
    │   └── SourceChangedError      ... because the file changed while it was read
    ├── FrameIndexError             the sidecar is of no use
    │   ├── IndexNotFoundError      ... because there is none (also a FileNotFoundError)
    │   ├── StaleIndexError         ... because it, or a recording, is of another file
    │   └── IndexFormatError        ... because its contents make no sense
    ├── ClockError                  a clock has faults that are not allowed (a ValueError)
    ├── DecodeError                 a frame that should be there does not decode
    │   └── FrameSizeError          ... to the size that the index says (a ValueError)
    ├── RequestTooLargeError        a request needs more memory than allowed (a MemoryError)
    ├── CacheError                  the byte cache cannot be used
    └── BackendError                a plugin cannot do what it is asked to do
        └── UnknownBackendError     ... because no backend has that name (a LookupError too)

    VideoWarning                    something that the user should know, and no error
    ├── IndexWarning                an index was built on the fly, trimmed, or is incomplete
    ├── DecodeWarning               a frame does not decode, and is masked as requested
    ├── CacheWarning                the byte cache cannot be used; reads bypass it
    └── PluginWarning               a plugin failed and was left out

A wrong argument is a plain :obj:`ValueError` or :obj:`TypeError` that names the
argument, its value and what is allowed.
"""

from __future__ import annotations

from typing import Any


class VideoError(Exception):
    r"""Base of all exceptions of this package."""


class SourceError(VideoError):
    r"""The bytes of a video cannot be read, or they are no video."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    r"""There is no object at the uri of a video."""


class SourceChangedError(SourceError):
    r"""A file changed while it was being read."""


class FrameIndexError(VideoError):
    r"""A frame index cannot be read or does not fit."""


class IndexNotFoundError(FrameIndexError, FileNotFoundError):
    r"""There is no frame index at the given place."""


class StaleIndexError(FrameIndexError):
    r"""A frame index, or a saved recording, is of another file than the one there now."""


class IndexFormatError(FrameIndexError, ValueError):
    r"""A frame index exists, but what it says makes no sense."""


class ClockError(VideoError, ValueError):
    r"""A clock has a fault that would put frames at wrong times.

    Args:
        message: what is wrong, and which choices there are.
        report: the :obj:`~temporaldata_video.ClockReport` with all that was found.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class DecodeError(VideoError):
    r"""A frame that should be in the video does not decode."""


class FrameSizeError(DecodeError, ValueError):
    r"""A frame has another size than its video, and no ``resize`` says what to do."""


class RequestTooLargeError(VideoError, MemoryError):
    r"""A request for frames needs more memory than there is, or than was allowed."""


class CacheError(VideoError):
    r"""The cache of bytes cannot be used."""


class BackendError(VideoError):
    r"""A plugin cannot do what it is asked to do."""


class UnknownBackendError(BackendError, LookupError):
    r"""No backend of that name is registered."""


class VideoWarning(UserWarning):
    r"""Base of all warnings of this package."""


class IndexWarning(VideoWarning):
    r"""A frame index was built on the fly, trimmed, covers less than it should, or has
    another clock than a recording uses; or a video is not where it should be, or its files
    are not in the order of their numbers."""


class DecodeWarning(VideoWarning):
    r"""A frame does not decode, and is masked: zeros, and false in ``valid``."""


class PrecisionWarning(VideoWarning):
    r"""Samples of a video have more bits than the pixels that are made of them."""


class CacheWarning(VideoWarning):
    r"""The byte cache cannot be used, and videos are read without it."""


class PluginWarning(VideoWarning):
    r"""A plugin failed and was left out."""
