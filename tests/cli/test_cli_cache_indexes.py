r"""``temporaldata-video cache`` on the copies of indexes."""

from __future__ import annotations

import temporaldata_video as tv
from temporaldata_video.testing import make_clip


def test_copies_of_indexes_are_shown_and_deleted(cli, s3, tmp_path, monkeypatch):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    clip = make_clip(tmp_path / "cam.mp4", 30)
    uris = [s3.put(f"lab/cli/{name}.mp4", clip.read_bytes()) for name in "ab"]
    for uri in uris:
        tv.write_index(uri, progress=False).timestamps()
    assert "2 copies" in cli("cache", "info").out
    assert "deleted 0" not in cli("cache", "clear", uris[0]).out
    assert "1 copies" in cli("cache", "info").out
    cli("cache", "prune", "--keep-bytes", 0)
    assert "0 copies" in cli("cache", "info").out
    assert len(tv.LazyVideo.from_uri(uris[0]).timestamps) == 30
