r"""Containers whose bytes cannot be read."""

from __future__ import annotations

import io

import pytest

from temporaldata_video._base.container import demuxed, open_container
from temporaldata_video.errors import SourceError
from temporaldata_video.testing import make_clip


class Failing(io.BytesIO):
    r"""A file that cannot be read from some place on.

    Args:
        data: what the file would hold.
        good: number of bytes that can be read.
    """

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self.good = good
        self.failures = 0

    def read(self, length: int | None = -1) -> bytes:
        if self.tell() >= self.good:
            self.failures += 1
            raise SourceError(f"failure {self.failures}")
        return super().read(min(length or 0, self.good - self.tell()))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_file_that_fails_is_asked_once(tmp_path, suffix):
    data = make_clip(tmp_path / f"cam{suffix}", 60).read_bytes()
    # PyAV 14 cannot take a second error before FFmpeg has ended, and FFmpeg never did.
    for good in (0, 100, len(data) // 2):
        file = Failing(data, good)
        with (
            pytest.raises(SourceError, match="failure 1"),
            open_container(file, "cam", buffer_bytes=4096) as container,
        ):
            list(demuxed(container, container.streams.video[0], "cam"))
        assert file.failures == 1
