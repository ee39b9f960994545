r"""Sends signals to commands at random moments, and looks at what they leave."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

from .servers import FAULTS, serving

N_FRAMES = 240
PATIENCE_SECONDS = 30.0
OLD_CLOCK, NEW_CLOCK = 100.0, 200.0

# Reads windows until it ends; what it is given may be a file or a url.
READ = """
import sys
import temporaldata_video as tv
from temporaldata_video.testing import read_numbers
tv.configure(cache_directory=sys.argv[2])
for round in range(20):
    video = tv.LazyVideo.from_uri(sys.argv[1], index_uri=sys.argv[3])
    for first in range(0, 230, 10):
        wanted = list(range(first, first + 5))
        assert read_numbers(video.frames_at(wanted)).tolist() == wanted
"""

_COMMAND = (sys.executable, "-m", "temporaldata_video._cli.main")
_NEW_INDEX = ("index", "cam.mp4", "--timestamps", "new.npy", "--overwrite")
# What is run, by name, in a folder of its own; `{url}` is that of the video on a server.
COMMANDS: dict[str, tuple[str, ...]] = {
    "read": (sys.executable, "-c", READ, "cam.mp4", "cache", "cam.mp4.lance"),
    "fetch": (sys.executable, "-c", READ, "{url}", "cache", "cam.mp4.lance"),
    "index": (*_COMMAND, *_NEW_INDEX),
    "index by workers": (*_COMMAND, *("index", "a.mp4", "b.mp4", "c.mp4"), "--workers=2"),
    "reencode": (*_COMMAND, "reencode", "cam.mp4", "-o", "copy.mp4", "--overwrite"),
    "proxy": (*_COMMAND, "proxy", "cam.mp4", "--size", "32x48"),
    "check": (*_COMMAND, "check", "cam.mp4", "--decode"),
    "sheet": (*_COMMAND, "sheet", "cam.mp4", "101", "102", "-o", "sheet.png"),
    "relink": (*_COMMAND, "relink", "moved/rec.h5", "--search", "videos"),
}
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


def make_folder(folder: Path) -> None:
    r"""Makes the videos, indexes and recordings that the commands are about."""
    cam = make_clip(folder / "cam.mp4", N_FRAMES, size=(64, 96), gop=30)
    clock = np.arange(N_FRAMES) / 30
    np.save(folder / "new.npy", NEW_CLOCK + clock)
    tv.write_index(cam, timestamps=OLD_CLOCK + clock, progress=False)
    for name in ("a", "b", "c", "d"):
        shutil.copy(cam, folder / f"{name}.mp4")
    tv.write_index(folder / "d.mp4", timestamps=OLD_CLOCK + clock, progress=False)
    (folder / "moved").mkdir()
    (folder / "videos").mkdir()
    data = Data(video=tv.LazyVideo.from_uri(folder / "d.mp4"), domain=Interval(100, 108))
    data.save(folder / "moved" / "rec.h5")
    for name in ("d.mp4", "d.mp4.lance"):
        (folder / name).rename(folder / "videos" / name)


def signal_all(
    count: int,
    seed: int,
    names: tuple[str, ...] = tuple(COMMANDS),
    patience: float = PATIENCE_SECONDS,
) -> Counter:
    r"""Returns what became of so many runs of each command, by command and outcome.

    Args:
        count: runs of each command; a third of them gets each signal.
        seed: decides the moments.
        names: of :data:`COMMANDS`.
        patience: seconds after a signal in which a command must end.
    """
    chance, found = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder, original = Path(name, "run"), Path(name, "original")
        folder.mkdir()
        make_folder(folder)
        folder.rename(original)
        with serving((original / "cam.mp4").read_bytes(), FAULTS["good"]) as url:
            for command in names:
                arguments = [part.format(url=url) for part in COMMANDS[command]]
                seconds = 0.0
                for number in range(count + 1):
                    shutil.copytree(original, folder, symlinks=True)
                    began = time.monotonic()
                    # The first one ends by itself, and says how long the command takes.
                    sent = SIGNALS[number % len(SIGNALS)] if number else None
                    moment = chance.uniform(0.0, seconds)
                    outcome = _run(arguments, folder, sent, moment, patience)
                    seconds = seconds or time.monotonic() - began
                    label = f"{command}: {outcome or 'right'}"
                    found[label] += 1
                    if outcome:
                        print(f"{label}, number {number}, {sent!r}", file=sys.stderr)
                    shutil.rmtree(folder)
    return found


def _run(
    arguments: list[str],
    folder: Path,
    sent: signal.Signals | None,
    seconds: float,
    patience: float,
) -> str:
    # What is at fault afterwards, if anything is.
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if sent is not None:
        time.sleep(seconds)
        process.send_signal(sent)
    deadline = time.monotonic() + (patience if sent else 10 * patience)
    while process.poll() is None or members(process.pid):
        if time.monotonic() > deadline:
            what = "children left" if process.poll() is not None else "hung"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return what
        time.sleep(0.02)
    if sent is None and process.returncode != 0:
        return f"failed with {process.returncode}"
    if fault := what_is_wrong(folder):
        return fault
    if sent not in (None, signal.SIGKILL) and (aside := _files_aside(folder)):
        return f"left {aside[0].name}"
    if sent is not None:
        # Whatever was left, the same command does its work now.
        again = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
        if again.returncode != 0:
            return f"cannot be repeated: {again.stderr.strip()[-200:]}"
        return what_is_wrong(folder)
    return ""


def members(session: int) -> list[int]:
    r"""Returns the processes of a session, without those that have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def what_is_wrong(folder: Path) -> str:
    r"""Returns what is at fault with videos, indexes and recordings, if anything is."""
    for path in sorted(folder.glob("**/*.mp4")):
        without_clock = path.name in ("a.mp4", "b.mp4", "c.mp4")
        if path.name.startswith("."):
            continue
        if not Path(f"{path}.lance").is_dir():
            if without_clock:
                continue
            return f"{path.name}: no index"
        try:
            video = tv.LazyVideo.from_uri(path)
            numbers = read_numbers(video.frames).tolist()
            first = float(video.timestamps[0])
        except tv.VideoError as error:
            return f"{path.name}: {type(error).__name__}"
        clocks = (0.0,) if without_clock else (OLD_CLOCK, NEW_CLOCK)
        if numbers != [*range(N_FRAMES)]:
            return f"{path.name}: wrong frames"
        if first not in clocks:
            return f"{path.name}: lost its clock"
    data = Data.load(folder / "moved" / "rec.h5", lazy=False)
    if data.video.timestamps[0] != OLD_CLOCK:
        return "the recording lost its clock"
    return ""


def _files_aside(folder: Path) -> list[Path]:
    # All that a command may leave under a name which users know.
    known = {"cam.mp4", "copy.mp4", "new.npy", "sheet.png", "moved", "videos", "cache"}
    known |= {"cam.mp4.32x48.proxy", "cam.mp4.32x48.proxy.lance"}
    known |= {f"{name}.mp4" for name in "abcd"}
    known |= {f"{name}.lance" for name in known if name.endswith(".mp4")} | {"rec.h5"}
    found = [
        *folder.iterdir(),
        *(folder / "moved").iterdir(),
        *(folder / "videos").iterdir(),
    ]
    return [path for path in found if path.name not in known]
