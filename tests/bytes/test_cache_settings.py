r"""Settings of the cache reach this process, its children, and what is configured."""

from __future__ import annotations

import os

import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.cache_settings import ConfiguredCache

from .caching import BLOCK, SIZE, read


@pytest.fixture
def clean_settings(monkeypatch):
    for name in ("KIND", "DIRECTORY", "QUOTA_BYTES", "BLOCK_BYTES"):
        monkeypatch.setenv(f"TEMPORALDATA_VIDEO_CACHE_{name}", "1")
        monkeypatch.delenv(f"TEMPORALDATA_VIDEO_CACHE_{name}")


def test_settings_reach_this_process_and_its_children(clean_settings, tmp_path, run_python):
    asked = {"directory": tmp_path / "scratch", "quota_bytes": 10**6, "kind": "files"}
    now = tv.configure_cache(**asked)
    assert now == tv.CacheSettings("files", str(tmp_path / "scratch"), 10**6)
    assert tv.configure_cache(block_bytes=8192).kind == "files"
    program = "import temporaldata_video as tv; print(tv.configure_cache())"
    assert run_python(program).strip() == str(tv.configure_cache())


@pytest.mark.parametrize("kind", ["blocks", "files", "none"])
def test_the_configured_cache_follows_the_settings(
    kind, clean_settings, tmp_path, store, content
):
    tv.configure_cache(directory=tmp_path, kind=kind, block_bytes=BLOCK)
    for _ in range(2):
        assert read(ConfiguredCache(), store, (10, 20)) == [content[10:20]]
    expected = {"blocks": [(0, BLOCK)], "files": [(0, SIZE)], "none": [(10, 10)] * 2}
    assert store.requests() == expected[kind]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "some"}, "kind must be one of .*, got 'some'"),
        ({"quota_bytes": -1}, "quota_bytes must not be negative, got -1"),
        ({"block_bytes": 100}, "block_bytes must be at least 4096, got 100"),
    ],
)
def test_wrong_settings_are_refused(wrong, message, clean_settings):
    with pytest.raises(ValueError, match=message):
        tv.configure_cache(**wrong)
    (name, value), *_ = wrong.items()
    variable = f"TEMPORALDATA_VIDEO_CACHE_{name.upper()}"
    os.environ[variable] = str(value)
    with pytest.raises(ValueError, match=variable):
        tv.configure_cache()
