r"""The example programs run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from temporaldata_video.testing import make_clip

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_train_from_s3(s3, proxy, tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 300, rate=30, gop=30)
    uri = s3.put("lab/example/cam.mp4", clip.read_bytes())
    command = [sys.executable, EXAMPLES / "train_from_s3.py", uri, "--steps", "40"]
    done = subprocess.run(
        [*map(str, command), "--workers", "2"],
        env={
            **os.environ,
            **s3.environment(proxy),
            "TEMPORALDATA_VIDEO_CACHE_DIRECTORY": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "40 windows of 300 frames" in done.stdout
    first, last = map(float, re.search(r"loss (\S+) -> (\S+)", done.stdout).groups())
    assert last < first
    # Each byte of the video came once at most, with some for indexing it, which reads a
    # video of this length twice: in sequence, and by its index.
    media = [r for r in proxy.requests("GET") if r.path.endswith("/cam.mp4")]
    assert sum(r.sent for r in media) < 4.5 * len(clip.read_bytes())
