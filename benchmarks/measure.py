r"""Times readers side by side: the same requests, in shuffled order, again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from .floor import Floor
from .readers import ALWAYS, FLOOR, OURS, Reader
from .truth import Truth, spread
from .videos import Video
from .workloads import Request, Workload

ClockOption = Annotated[
    str, typer.Option(help="'wall', or 'cpu' where other programs run.")
]
_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def clock_of(name: str) -> Callable[[], float]:
    r"""Returns the function that returns seconds.

    Args:
        name: of the clock, as the command line has it.

    Raises:
        typer.BadParameter: if there is none of this name.
    """
    if name not in _CLOCKS:
        raise typer.BadParameter(f"--clock must be wall or cpu, got {name!r}.")
    return _CLOCKS[name]


# Frames of one request that are compared with the truth, and sequences that are checked.
CHECKED_FRAMES, CHECKED_SEQUENCES = 8, 3
# After the least repetitions, readers this many times slower than ours are left out.
OUT_OF_SIGHT = 2.0
# Where the floor takes longer than this, opening in another mode makes no difference, and
# only the readers that the thresholds name are asked.
LONG_SECONDS = 0.15


@dataclass(frozen=True)
class Effort:
    r"""How long to measure.

    Args:
        repeats: most repetitions of a cell.
        least: least repetitions of a cell; the first does not count.
        seconds: after which a cell is not repeated any more.
        patience: after which not even the least repetitions are completed.
    """

    repeats: int = 15
    least: int = 4
    seconds: float = 1.5
    patience: float = 12.0


class Seconds(NamedTuple):
    r"""What one repetition took a request.

    Args:
        wall: seconds on the clock.
        cpu: seconds of processor time, which other programs disturb less.
    """

    wall: float
    cpu: float


@dataclass
class Cell:
    r"""What one reader did with one workload on one file.

    Args:
        video: name of the file.
        workload: name of the workload.
        reader: name of the reader.
        seconds: of a request, by number of repetition.
        checked: frames compared with the truth.
        wrong: of these, wrong ones.
        max_difference: largest difference of a right frame, in levels.
        failure: why the reader could not do it.
        left_out: whether it was not asked (any more), being slow or one of many.
    """

    video: str
    workload: str
    reader: str
    seconds: dict[int, Seconds] = field(default_factory=dict)
    checked: int = 0
    wrong: int = 0
    max_difference: int = 0
    failure: str = ""
    left_out: bool = False

    def median(self, clock: str = "wall") -> float:
        r"""Returns the median of the repetitions in seconds a request."""
        values = [getattr(seconds, clock) for seconds in self.seconds.values()]
        return median(values) if values else float("nan")


def measure_video(
    video: Video,
    workloads: list[Workload],
    readers: list[Reader],
    effort: Effort,
    note: Callable[[str], None],
) -> list[Cell]:
    r"""Returns a cell for each workload and reader, the floor included.

    Args:
        video: the file.
        workloads: what to ask.
        readers: whom to ask.
        effort: how often.
        note: told what is being done.
    """
    sequences = {w.name: w.sequences(video.frames) for w in workloads}
    note("decoding the truth")
    requests = [
        request
        for of_workload in sequences.values()
        for sequence in of_workload[:CHECKED_SEQUENCES]
        for request in sequence
    ]
    truth = Truth(video, {k for request in requests for k in _checked(request)[1]})
    handles, failures = _open_all(video, readers)
    cells: list[Cell] = []
    for workload in workloads:
        note(workload.name)
        asked = [r for r in readers if not (workload.opens and r.kept_only)]
        row = {r.name: Cell(video.name, workload.name, r.name) for r in asked}
        for name in failures.keys() & row.keys():
            row[name].failure = failures[name]
        row[FLOOR] = Cell(video.name, workload.name, FLOOR)
        turns = _Turns(video, workload.opens, {r.name: r for r in asked}, handles, truth)
        _interleave(turns, sequences[workload.name], row, effort)
        _forget_first(row)
        cells += row.values()
    return cells


def _open_all(video: Video, readers: list[Reader]) -> tuple[dict[str, Any], dict[str, str]]:
    handles, failures = {}, {}
    for reader in readers:
        try:
            handle = reader.open(video)
            if not reader.reads_ahead:
                handles[reader.name] = handle
        except Exception as error:  # that a peer cannot open a file is a result
            failures[reader.name] = _brief(error)
    return handles, failures


def _interleave(
    turns: _Turns, sequences: list[list[Request]], row: dict[str, Cell], effort: Effort
) -> None:
    rng = np.random.default_rng(0)
    floors: dict[int, Floor] = {}
    started = time.perf_counter()
    for repetition in range(effort.repeats):
        elapsed = time.perf_counter() - started
        if elapsed > (effort.patience if repetition < effort.least else effort.seconds):
            return
        k = repetition % len(sequences)
        if k not in floors:
            floors[k] = Floor(turns.video, sequences[k])
        if repetition == 0:
            warm = turns.time_floor(floors[k])
            if warm.wall > LONG_SECONDS:
                _leave_out(row, [name for name in row if name not in ALWAYS])
        elif repetition >= effort.least:
            limit = OUT_OF_SIGHT * row[OURS].median()
            _leave_out(row, [name for name in row if row[name].median() > limit])
        active = [n for n in row if not row[n].failure and not row[n].left_out]
        for name in rng.permutation(active).tolist():
            check = repetition == k < CHECKED_SEQUENCES
            try:
                if name == FLOOR:
                    spent = turns.time_floor(floors[k])
                else:
                    spent = turns.take(row[name], sequences[k], check)
            except Exception as error:  # that a peer cannot read a file is a result
                if name in (OURS, FLOOR):
                    raise
                row[name].failure = _brief(error)
                continue
            n = len(sequences[k])
            row[name].seconds[repetition] = Seconds(spent.wall / n, spent.cpu / n)


def _forget_first(row: dict[str, Cell]) -> None:
    # The first turn of a reader fills its caches and the machine's, and fetches memory.
    for cell in row.values():
        if len(cell.seconds) > 1:
            cell.seconds.pop(0, None)


def _leave_out(row: dict[str, Cell], names: list[str]) -> None:
    for name in names:
        row[name].left_out = True


@dataclass
class _Turns:
    video: Video
    opens: bool
    readers: dict[str, Reader]
    handles: dict[str, Any]
    truth: Truth

    def take(self, cell: Cell, sequence: list[Request], check: bool) -> Seconds:
        r"""Times a reader on a sequence; compares what it gives with the truth."""
        reader = self.readers[cell.reader]
        again = reader.reads_ahead and not self.opens
        handle = reader.open(self.video) if again else self.handles.get(cell.reader)
        wall = cpu = 0.0
        for request in sequence:
            if self.opens:
                reader.forget()
            self._touch_memory(len(request.frames))
            start = time.perf_counter(), time.process_time()
            if reader.fresh or self.opens:
                pixels = reader.read(reader.open(self.video), request)
            else:
                pixels = reader.read(handle, request)
            wall += time.perf_counter() - start[0]
            cpu += time.process_time() - start[1]
            if check:
                places, numbers = _checked(request)
                given = [pixels[place] for place in places]
                verdict = self.truth.judge(numbers, given, exact=reader.name == OURS)
                cell.checked += verdict.checked
                cell.wrong += verdict.wrong
                cell.max_difference = max(cell.max_difference, verdict.max_difference)
        return Seconds(wall, cpu)

    def _touch_memory(self, n_frames: int) -> None:
        # Memory that nobody used for seconds may have gone back to the host of a virtual
        # machine. Whoever allocates next would wait for it, for no fault of its own.
        np.empty((n_frames, *self.video.size, 3), np.uint8).fill(1)

    def time_floor(self, floor: Floor) -> Seconds:
        r"""Times FFmpeg on a sequence."""
        start = time.perf_counter(), time.process_time()
        for call in floor.start():
            call()
        return Seconds(time.perf_counter() - start[0], time.process_time() - start[1])


def _checked(request: Request) -> tuple[list[int], list[int]]:
    places = spread(len(request.frames), CHECKED_FRAMES)
    return places, request.frames[places].tolist()


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
