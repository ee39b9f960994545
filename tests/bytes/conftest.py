r"""An object in a store that writes down each request, and a cache of small blocks."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv

from .caching import BLOCK, SIZE
from .fetching import LoggingStore


@pytest.fixture(scope="session")
def content() -> bytes:
    return np.random.default_rng(0).bytes(SIZE)


@pytest.fixture
def store(tmp_path, content) -> LoggingStore:
    (tmp_path / "object").write_bytes(content)
    return LoggingStore(str(tmp_path / "object"), str(tmp_path / "log"))


@pytest.fixture
def cache(tmp_path) -> tv.BlockCache:
    return tv.BlockCache(str(tmp_path), block_bytes=BLOCK)
