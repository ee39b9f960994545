r"""Counts the files and calls that one window takes: ``python -m benchmarks.path``.

A call is a frame of Python's interpreter that begins, or goes on, in a file of the
package, as :func:`sys.setprofile` reports it: generators count each time they are asked,
and comprehensions where Python makes functions of them (before 3.12). What NumPy, PyAV
and the host do is not counted. The index and the clock were read before.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

PACKAGE = Path(tv.__file__).parent
RATE, N_FRAMES, GOP, WINDOW_FRAMES = 30, 300, 30, 15


@dataclass
class Calls:
    r"""What was called while something was read.

    Args:
        by_file: calls by file of the package, in the order in which files are entered.
        plans: how many plans were made.
    """

    by_file: Counter[str] = field(default_factory=Counter)
    plans: int = 0


def count_calls(read: Callable[[], Any]) -> Calls:
    r"""Returns what a function calls in the package.

    Args:
        read: what is traced.
    """
    calls, folder = Calls(), f"{PACKAGE}/"

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(folder):
            calls.by_file[name.removeprefix(folder)] += 1
            calls.plans += frame.f_code.co_name == "plan_runs"

    sys.setprofile(note)
    try:
        read()
    finally:
        sys.setprofile(None)
    return calls


def trace_windows(folder: Path) -> dict[str, Calls]:
    r"""Returns what a window calls that lies anywhere, and one that slides along.

    Args:
        folder: where a clip and its index are written.
    """
    clip = make_clip(folder / "path.mp4", N_FRAMES, rate=RATE, gop=GOP, size=(240, 320))
    tv.write_index(clip, progress=False)
    domain = Interval(0.0, N_FRAMES / RATE)
    data = Data(video=tv.LazyVideo.from_uri(clip), domain=domain)

    def read(first: int) -> Any:
        start = (first - 0.5) / RATE
        return data.slice(start, start + WINDOW_FRAMES / RATE).video.frames

    read(200)
    random = count_calls(lambda: read(95))
    read(100)
    return {"random": random, "sliding": count_calls(lambda: read(105))}


def main() -> None:
    r"""Prints the path of a window that lies anywhere, and of one that slides along."""
    with tempfile.TemporaryDirectory() as folder:
        traced = trace_windows(Path(folder))
    for name, calls in traced.items():
        print(
            f"{name} window of {WINDOW_FRAMES} frames: {len(calls.by_file)} files, "
            f"{calls.by_file.total()} calls, plans: {calls.plans}"
        )
        for file, n in calls.by_file.items():
            print(f"{n:6}  {file}")


if __name__ == "__main__":
    main()
