r"""Which cache remote objects are read through is looked up at each read."""

from __future__ import annotations

import pytest

from temporaldata_video._bytes.configured_cache import ConfiguredCache

from .caching import BLOCK, SIZE, read


@pytest.mark.parametrize("kind", ["blocks", "files", "none"])
def test_the_configured_cache_follows_the_settings(
    kind, configure, tmp_path, store, content
):
    configure(cache_directory=tmp_path, cache_kind=kind, cache_block_bytes=BLOCK)
    for _ in range(2):
        assert read(ConfiguredCache(), store, (10, 20)) == [content[10:20]]
    expected = {"blocks": [(0, BLOCK)], "files": [(0, SIZE)], "none": [(10, 10)] * 2}
    assert store.requests() == expected[kind]
