r"""Says in words of ours why a video could not be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import VideoError


@contextmanager
def writing(what: str) -> Iterator[None]:
    r"""Raises a :obj:`VideoError` for what the system or FFmpeg raises meanwhile.

    Args:
        what: names what is written, in messages.

    Raises:
        VideoError: if there is no room or no right to write it, or FFmpeg cannot.
    """
    import av

    try:
        yield
    except VideoError:  # some are an OSError, too
        raise
    except (OSError, av.error.FFmpegError) as error:
        raise VideoError(f"cannot write {what}: {error.strerror or error}.") from error
