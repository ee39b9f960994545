r"""Loads recordings whose author wants a reader to open something else than a video."""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.errors import VideoError
from temporaldata_video.testing import make_clip, read_numbers

from .servers import FAULTS, serving

N_FRAMES = 24
PATIENCE_SECONDS = 20.0
FIELDS = ("uri", "further_uris", "index_uri")


def hostile_uris(folder: Path, url: str) -> list[str]:
    r"""Returns uris that no recording should lead to, and makes what they name.

    Args:
        folder: to work in.
        url: of a server that counts who comes.
    """
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "pool")
    (folder / "pool").symlink_to(folder / "loop")
    (folder / "playlist.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{url}\n")
    (folder / "concat.txt").write_text(f"ffconcat version 1.0\nfile {url}\n")
    (folder / "secret.txt").write_text("secret " * 1000)
    return [
        *("/etc/passwd", "/etc/shadow", "/dev/zero", "/dev/random", "/dev/stdin"),
        *("/proc/self/mem", "/proc/self/environ", "/proc/kmsg", "/dev/full", "/"),
        *(str(folder / name) for name in ("pipe", "loop", "playlist.m3u8", "concat.txt")),
        *(str(folder), "secret.txt", "../" * 30 + "etc/passwd", "", ".", "~/.ssh/id_rsa"),
        *(url, url.replace("http", "https"), f"file://{folder}/secret.txt", "file:///"),
        *("s3://169.254.169.254/latest", "memory://x", "ftp://localhost/x", "data://x"),
        *(f"subfile,,start,0,end,9,,:{folder}/secret.txt", f"concat:{url}"),
        *(f"cache:{url}", "x" * 300, "x/" * 3000, "a\0b", "\x1b]0;title\x07", "<script>"),
        *("\udcff", "\u202e4pm.mac", "C:\\win.ini", "\\\\host\\share", "%2e%2e/x", "`id`"),
    ]


def _changed(part: dict[str, Any], field: str, uri: str) -> dict[str, Any]:
    return part | {field: [uri] if field == "further_uris" else uri}


def load_all() -> Counter:
    r"""Returns what became of recordings with hostile uris, by outcome; ``"connected"`` are
    the requests that a server on this machine got.
    """
    found: Counter = Counter({"connected": 0})

    def count(handler: Any) -> None:
        found["connected"] += 1
        FAULTS["good"](handler)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "cam.mp4", N_FRAMES, size=(64, 96))
        tv.write_index(clip, progress=False)
        video = tv.LazyVideo.from_uri(clip)
        Data(video=video, domain=Interval(0.0, 1.0)).save(folder / "rec.h5")
        with serving(clip.read_bytes(), count) as url:
            for uri in hostile_uris(folder, url):
                for field in FIELDS:
                    found.update(_load(folder / "rec.h5", field, uri))
    return found


def _load(path: Path, field: str, uri: str) -> Iterator[str]:
    # The host keeps a file open, so that each has a name of its own.
    began, target = time.monotonic(), path.with_name(f"{time.monotonic_ns()}.h5")
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "a") as file:
        attributes = file["video"].attrs
        (part,) = json.loads(attributes["parts"])
        attributes["parts"] = json.dumps([_changed(part, field, uri)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = Data.load(target)
            numbers = read_numbers(data.video.frames).tolist()
            yield "right" if numbers == [*range(N_FRAMES)] else "wrong"
    except VideoError as error:
        yield type(error).__name__
    except Exception as error:
        yield f"wrong: {type(error).__name__} of {field} {uri[:40]!r}"
    if time.monotonic() - began > PATIENCE_SECONDS:
        yield f"late: {field} {uri[:40]!r}"
