r"""Loads recordings whose author wants a reader to open something else than a video."""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
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


# What stands where a pointer has a name, a number, a list or nothing.
_VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 2**31, 2**63, 2**70, -0.5, 1e308, float("nan"), "", "x", "0"),
    *(
        [],
        {},
        [[]],
        [None],
        {"uri": "cam.mp4"},
        [[[[]]]] * 50,
        "9" * 400,
        "\udcff",
        [2**40],
    ),
]


def _mutated(value: Any, chance: random.Random) -> Any:
    # One of all that a JSON value holds becomes something else, or goes.
    if not isinstance(value, (dict, list)) or not value or chance.random() < 0.15:
        return chance.choice(_VALUES)
    value = value.copy()
    at = chance.choice([*value] if isinstance(value, dict) else range(len(value)))
    if chance.random() < 0.15:
        del value[at]
    else:
        value[at] = _mutated(value[at], chance)
    return value


def change_json(group: h5py.Group, chance: random.Random) -> None:
    r"""Changes one value that says where the video is, or how it is shown."""
    name = chance.choice(("parts", "parts", "options"))
    text = json.dumps(_mutated(json.loads(group.attrs[name]), chance))
    cut = chance.randrange(len(text)) if chance.random() < 0.1 else len(text)
    group.attrs[name] = text[:cut]


def change_structure(group: h5py.Group, chance: random.Random) -> None:
    r"""Puts something else in the place of an attribute or a column of a video."""
    if chance.random() < 0.3:
        name = chance.choice([*group.attrs])
        del group.attrs[name]
        if chance.random() < 0.7:
            group.attrs[name] = chance.choice(
                [0, -1.5, b"\xff", "x", [], [1, 2], np.nan, 2**40, np.zeros((3, 3))]
            )
        return
    name = chance.choice(("timestamps", "frame_indices"))
    dtype, shape = group[name].dtype, group[name].shape
    del group[name]
    here = group.file.filename
    change = chance.randrange(10)
    if change == 0:
        group[name] = h5py.ExternalLink("/etc/passwd", "/")
    elif change == 1:
        group[name] = h5py.ExternalLink(here, f"{group.name}/{name}")
    elif change == 2:
        group[name] = h5py.SoftLink(f"{group.name}/{name}")
    elif change == 3:
        stored = [(chance.choice(("/etc/passwd", "/dev/zero")), 0, 8 * shape[0])]
        group.create_dataset(name, shape, dtype, external=stored)
    elif change == 4:
        group.create_dataset(name, (2**40,), dtype, chunks=(1024,))
    elif change == 5:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape)
        group.create_virtual_dataset(name, layout)
    elif change == 6:
        group[name] = group
    elif change == 7:
        group[name] = np.array([b"x"] * shape[0])
    elif change == 8:
        high = chance.choice((2**62, -1, 24, 10**6))
        group[name] = np.full(shape, high).astype(dtype)
    # else it is gone


def load_all(count: int = 374, seed: int = 1) -> Counter:
    r"""Returns what became of recordings that lead elsewhere or nowhere, by outcome;
    ``"connected"`` are the requests that a server on this machine got.

    Args:
        count: of recordings with changes at random, besides those with hostile uris.
        seed: decides which changes.
    """
    found: Counter = Counter({"connected": 0})
    chance = random.Random(seed)

    def count_requests(handler: Any) -> None:
        found["connected"] += 1
        FAULTS["good"](handler)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "cam.mp4", N_FRAMES, size=(64, 96))
        tv.write_index(clip, progress=False)
        video = tv.LazyVideo.from_uri(clip)
        Data(video=video, domain=Interval(0.0, 1.0)).save(folder / "rec.h5")
        with serving(clip.read_bytes(), count_requests) as url:
            for uri in hostile_uris(folder, url):
                for field in FIELDS:

                    def lead(group: h5py.Group, field: str = field, uri: str = uri) -> None:
                        (part,) = json.loads(group.attrs["parts"])
                        value = [uri] if field == "further_uris" else uri
                        group.attrs["parts"] = json.dumps([part | {field: value}])

                    found.update(_load(folder / "rec.h5", lead, f"{field} {uri[:40]!r}"))
            for number in range(count):
                change = (change_json, change_structure)[number % 2]

                def vary(group: h5py.Group, change: Any = change) -> None:
                    change(group, chance)

                found.update(_load(folder / "rec.h5", vary, f"number {number}"))
    return found


def _load(path: Path, change: Callable[[h5py.Group], None], label: str) -> Iterator[str]:
    # The host keeps a file open, so that each has a name of its own.
    began, target = time.monotonic(), path.with_name(f"{time.monotonic_ns()}.h5")
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "a") as file:
        change(file["video"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = Data.load(target)
            if not isinstance(data.video, tv.LazyVideo):
                yield "a plain series"
            else:
                numbers = read_numbers(data.video.frames).tolist()
                yield "right" if numbers == [*range(N_FRAMES)] else f"wrong: {label}"
    except VideoError as error:
        yield type(error).__name__
    except Exception as error:
        yield f"wrong: {type(error).__name__} of {label}"
    if time.monotonic() - began > PATIENCE_SECONDS:
        yield f"late: {label}"
