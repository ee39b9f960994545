r"""A video on S3 that nothing was read of before, with a sidecar and without."""

from __future__ import annotations

import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

from .names import NUMBERS, N


@pytest.fixture(scope="session")
def content(tmp_path_factory) -> bytes:
    r"""240 frames of H.264 in groups of 24, 30 frames a second."""
    path = tmp_path_factory.mktemp("remote") / "cam.mp4"
    return make_clip(path, N, rate=30, gop=24, b_frames=2, size=(32, 48)).read_bytes()


@pytest.fixture(scope="session")
def other_content(tmp_path_factory) -> bytes:
    r"""Another video of as many frames."""
    path = tmp_path_factory.mktemp("other") / "cam.mp4"
    return make_clip(path, N, rate=30, gop=24, size=(32, 48), first_frame=1000).read_bytes()


@pytest.fixture
def uri(s3, content) -> str:
    r"""A video in S3 that was never read before, without a sidecar."""
    return s3.put(f"lab/video-{next(NUMBERS)}/cam.mp4", content)


@pytest.fixture
def indexed(uri, s3) -> str:
    r"""The same with a sidecar, which was written by a process that is gone."""
    options = s3.options()
    tv.write_index(uri, storage_options=options, progress=False)
    return uri
