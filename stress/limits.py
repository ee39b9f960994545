r"""Runs what users run where little is left: descriptors, memory, room, rights, locks.

Run as a program, it sets the limit for itself, and does the work under it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import temporaldata_video as tv
from temporaldata_video.errors import VideoError
from temporaldata_video.testing import make_clip, read_numbers

from .servers import FAULTS, serving

N_FRAMES = 120
OLD_CLOCK, NEW_CLOCK = 100.0, 200.0
PATIENCE_SECONDS = 60.0
NOBODY = 65534
REPOSITORY = Path(__file__).parents[1]


def _read(uri: str) -> None:
    video = tv.LazyVideo.from_uri(uri, index_uri="cam.mp4.lance")
    for first in (70, 3, 40):
        wanted = list(range(first, first + 12))
        assert read_numbers(video.frames_at(wanted)).tolist() == wanted


def _index(uri: str) -> None:
    clock = NEW_CLOCK + np.arange(N_FRAMES) / 30
    tv.write_index("cam.mp4", timestamps=clock, overwrite=True, progress=False)


def _first_index(uri: str) -> None:
    tv.write_index("bare.mp4", progress=False)


def _reencode(uri: str) -> None:
    tv.reencode("cam.mp4", "copy.mp4", progress=False)


WORKS: dict[str, Callable[[str], None]] = {
    "read": lambda url: _read("cam.mp4"),
    "fetch": _read,
    "index": _index,
    "first index": _first_index,
    "reencode": _reencode,
}


def _limit(name: str, beyond: int) -> Callable[[int], None]:
    # Of what the process has now, and so much more.
    def limit(amount: int) -> None:
        import resource

        used = {
            "RLIMIT_NOFILE": len(os.listdir("/proc/self/fd")),
            "RLIMIT_AS": int(Path("/proc/self/statm").read_text().split()[0]) * 4096,
        }.get(name, 0)
        bound = used + amount * beyond
        resource.setrlimit(getattr(resource, name), (bound, bound))

    return limit


def _no_locks(amount: int) -> None:
    import fcntl

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = fcntl.lockf = refuse  # type: ignore[assignment]


def _fill_the_disk(amount: int) -> None:
    # The folder is a file system of its own; so many KiB of it stay free.
    Path("filled").write_bytes(bytes(shutil.disk_usage(".").free - amount * 1024))


def _no_home(amount: int) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "USER", "LOGNAME"):
        os.environ.pop(name, None)
    if os.getuid() == 0:
        os.setuid(54321)  # which has no entry among the users


def _another_user(amount: int) -> None:
    os.setuid(NOBODY)


# What is short, by name: how it is made so, the amounts, and whether only root can do it.
SHORT: dict[str, tuple[Callable[[int], None], tuple[int, ...], bool]] = {
    "descriptors": (_limit("RLIMIT_NOFILE", 1), (0, 1, 2, 3, 5, 8, 12, 20, 40), False),
    "address space": (_limit("RLIMIT_AS", 1 << 20), (0, 1, 4, 16, 64, 256), False),
    "file size": (_limit("RLIMIT_FSIZE", 1), (0, 1, 100, 1000, 5000, 20_000), False),
    "processes": (_limit("RLIMIT_NPROC", 1), (1, 4), True),
    "room on the disk": (_fill_the_disk, (0, 4, 8, 16, 32, 64, 128, 256), True),
    "a folder that others own": (_another_user, (0,), True),
    "no home": (_no_home, (0,), True),
    "no locks": (_no_locks, (0,), False),
}


def short_of_everything(
    names: tuple[str, ...] = tuple(SHORT), patience: float = PATIENCE_SECONDS
) -> Counter:
    r"""Returns what became of each work under each limit, by limit and outcome.

    Args:
        names: of :data:`SHORT`; what only root can do is left out for others.
        patience: seconds after which a program counts as one that hangs.
    """
    found = Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        original = Path(name, "original")
        original.mkdir()
        clip = make_clip(original / "cam.mp4", N_FRAMES, size=(64, 96), gop=30)
        shutil.copy(clip, original / "bare.mp4")
        clock = OLD_CLOCK + np.arange(N_FRAMES) / 30
        tv.write_index(clip, timestamps=clock, progress=False)
        os.chmod(name, 0o755)
        with serving(clip.read_bytes(), FAULTS["good"]) as url:
            for limit in names:
                _, amounts, needs_root = SHORT[limit]
                if needs_root and os.getuid() != 0:
                    continue
                for amount in amounts:
                    for work in WORKS:
                        outcome = _under(limit, amount, work, original, url, patience)
                        found[f"{limit}: {outcome}"] += 1
                        if outcome.startswith(("wrong", "hung", "lost")):
                            print(limit, amount, work, outcome, file=sys.stderr)
    return found


def _under(
    limit: str, amount: int, work: str, original: Path, url: str, patience: float
) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.chmod(folder, 0o755)
        if limit == "room on the disk":
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True
            )
            stack.callback(subprocess.run, ["umount", "-l", folder], check=True)
        shutil.copytree(original, folder, dirs_exist_ok=True)
        if limit == "no home":
            for path in (folder, *folder.rglob("*")):
                os.chown(path, 54321, 54321)
        process = subprocess.Popen(
            [sys.executable, "-m", "stress.limits", limit, str(amount), work, url],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"hung: {work}"
        if lost := _lost(folder):
            return lost
        if process.returncode != 0 and limit == "address space":
            return "ended"  # by a library that gets no memory, such as Lance or the loader
        if process.returncode != 0:
            return f"wrong: {work} ended with {process.returncode}"
        return json.loads(said.splitlines()[-1])


def _lost(folder: Path) -> str:
    # What an index or a copy lost, if one did.
    for name, clocks in (("cam.mp4", (OLD_CLOCK, NEW_CLOCK)), ("copy.mp4", (OLD_CLOCK,))):
        if not Path(folder, name).exists():
            continue
        if not Path(folder, f"{name}.lance").is_dir():
            return f"lost: the index of {name}"
        video = tv.LazyVideo.from_uri(folder / name)
        if video.timestamps[0] not in clocks:
            return f"lost: the clock of {name}"
        if read_numbers(video.frames).tolist() != [*range(N_FRAMES)]:
            return f"lost: frames of {name}"
    return ""


def _main(limit: str, amount: str, work: str, url: str) -> None:
    import warnings

    warnings.simplefilter("ignore")
    tv.configure(cache_directory="cache", request_seconds=20)
    # What is imported under a limit would fail in Python itself.
    _read("cam.mp4")
    _read(url + "?warm")
    tv.write_index("cam.mp4", index_uri="warm.lance", progress=False)
    _reencode(url)
    Path("copy.mp4").unlink()
    shutil.rmtree("copy.mp4.lance")

    SHORT[limit][0](int(amount))
    try:
        WORKS[work](url)
        outcome = "right"
    except (VideoError, MemoryError) as error:
        outcome = type(error).__name__
    except BaseException as error:
        outcome = f"wrong: {work}: {type(error).__name__}: {error}"[:200]
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
