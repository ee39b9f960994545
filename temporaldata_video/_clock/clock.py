r"""Describes a clock: where it is kept, in which unit, and which faults it may have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

# How many of a unit make a second; the other units are layouts of their own.
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS_PER_DAY = 86_400
# Units of which ``rate`` says how many make a second.
RATED = ("samples", "frames", "intervals")
UNITS = (*PER_SECOND, "days", *RATED, "iso8601", "ticks", "pointgrey")
# Hardware clocks differ by less, in millionths.
MAX_DRIFT_PPM = 1000.0
ORIGINS = ("clock", "first", "epoch")
FITS = ("piecewise", "affine")
POLICIES = {
    "on_mismatch": ("raise", "trim"),
    "on_nan": ("raise", "drop"),
    "on_jump": ("raise", "keep"),
    "on_gap": ("raise", "keep"),
    "on_repeat": ("raise", "keep"),
}


@dataclass(frozen=True, eq=False)
class Clock:
    r"""Where the times of frames come from, and what to do about their faults.

    Pass it as ``timestamps`` to :func:`~temporaldata_video.write_index`. A plain array or
    path there is a clock in seconds with the defaults below.

    Args:
        source: an array of shape (n,), or the path of a ``.npy``, ``.npz``, ``.parquet``,
            HDF5, MATLAB or text file; ``"file.h5:/path"`` names a dataset. :obj:`None` is
            the container's own clock.
        column: name or number (from 0) of the column in a table, or path of the dataset
            in an HDF5 file. Not needed where only one fits.
        unit: ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` or ``"days"``; ``"samples"`` or
            ``"frames"`` for their numbers, at ``rate`` in a second; ``"intervals"`` for the
            time since the stamp before, in seconds, or ``rate`` in a second;
            ``"iso8601"`` for dates; ``"ticks"`` for a counter that wraps; ``"pointgrey"``
            for its 32-bit cycle counter (7 bits of seconds, 13 of cycles of 125 us, 12 of
            1/3072 cycle; wraps every 128 s). By default seconds; a column that is
            evidently something else is then refused, whereas a unit that you name is
            believed.
        origin: from where times count. ``"clock"``: as the clock counts.
            ``"first"``: the first stamp is ``start``. ``"epoch"``: 1970-01-01 UTC, for
            dates; a float64 resolves 0.24 us there. Dates need one of the last two.
        start: seconds at which the clock begins: its zero, or the first frame with
            ``rate``, ``origin="first"`` or the container's own clock.
        rate: frames per second of a camera that kept no times at all; with
            ``unit="samples"``, ``"frames"`` or ``"intervals"``, how many make a second.
        frequency: ticks per second of ``unit="ticks"``.
        bits: width of the counter of ``unit="ticks"``; it wraps at ``2**bits``.
        sync: pairs of camera time and recording time in seconds, an array of shape (m, 2)
            or a file with these two columns; or a tuple of two trains of the same pulses,
            each an array or a file, of which either may lack some. Maps the times of
            ``source``.
        sync_fit: ``"piecewise"`` to go through every pair in straight lines, or
            ``"affine"`` for the one line that fits all pairs best.
        frame_index: number of the frame in the file for each stamp, where stamps and
            frames are not one to one: an int array of shape (n,), or the column. A frame
            may be named more than once, as in a movie that is shown ten times: it is then
            in the video at each of those times.
        first_frame: number that ``frame_index`` gives to the first frame of the file, or
            ``lost_frames`` to the first trigger.
        lost_frames: numbers of the triggers that gave no frame, where stamps (or the times
            of ``rate``) are those of all triggers: an int array of shape (m,), or a file of
            numbers and runs such as ``18-23,455``.
        pulses: times of a trigger or of exposures in the recording's clock, what
            ``source`` may be, or a :obj:`Clock`. Each frame gets the time of its pulse, as
            :func:`~temporaldata_video.match_clock` finds it by the times of ``source``, or
            by the container's.
        frame_counter: a number for each frame that the camera counted, for ``pulses``: an
            array or a file, or a column of ``source`` where there is one.
        pulse_counter: the same number for each pulse: an array, or a column of ``pulses``.
        anchor: a frame and the pulse that belongs to it, such as ``(0, 4)`` or
            ``"0:4"``; negative numbers count from the end. With ``sync``, two pulses that
            are the same.
        max_drift_ppm: the most millionths by which the clocks of ``sync`` or ``pulses`` may
            differ from the camera's.
        max_residual: the most seconds by which one of these pulses may lie off a line; half
            the interval between frames by default.
        skip_lines: lines at the top of a text file that are no part of its table.
        decimal: ``"."`` or ``","``, the mark of decimals in a text file; by default a
            point, or a comma where it does not separate columns.
        on_mismatch: more frames than stamps, or the reverse: ``"raise"``, or ``"trim"`` to
            drop the surplus at the end with a warning.
        on_nan: stamps that are NaN, or frames that ``frame_index`` does not name:
            ``"raise"``, or ``"drop"`` to leave those frames out.
        on_jump: steps back, and steps ahead of more than a day, as between two epochs:
            ``"raise"``, or ``"keep"``; frames are then sorted by time.
        on_gap: steps of more than 1.5 times the median: ``"keep"`` or ``"raise"``.
        on_repeat: stamps equal to the one before: ``"keep"`` or ``"raise"``.

    Raises:
        ValueError: if the description contradicts itself.

    Example ::

        >>> import temporaldata_video as tv
        >>> clock = tv.Clock([5, 38, 72], unit="ms", origin="first", start=10.0)
        >>> tv.read_timestamps(clock)
        array([10.   , 10.033, 10.067])
    """

    source: Any = None
    column: str | int | None = None
    unit: str | None = None
    origin: str = "clock"
    start: float | None = None
    rate: float | None = None
    frequency: float | None = None
    bits: int = 32
    sync: Any = None
    sync_fit: str = "piecewise"
    frame_index: Any = None
    first_frame: int = 0
    lost_frames: Any = None
    pulses: Any = None
    frame_counter: Any = None
    pulse_counter: Any = None
    anchor: Any = None
    max_drift_ppm: float = MAX_DRIFT_PPM
    max_residual: float | None = None
    skip_lines: int = 0
    decimal: str | None = None
    on_mismatch: str = "raise"
    on_nan: str = "raise"
    on_jump: str = "raise"
    on_gap: str = "keep"
    on_repeat: str = "keep"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("unit", UNITS),
            ("origin", ORIGINS),
            ("sync_fit", FITS),
            *POLICIES.items(),
        ):
            value = getattr(self, name)
            if value not in allowed and not (name == "unit" and value is None):
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
        for name in ("rate", "frequency", "max_drift_ppm", "max_residual"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value!r}.")
        if self.start is not None and not _is_number(self.start):
            raise ValueError(f"start must be a number of seconds, got {self.start!r}.")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal must be '.' or ',', got {self.decimal!r}.")
        if not isinstance(self.skip_lines, int) or self.skip_lines < 0:
            raise ValueError(
                f"skip_lines must be a number of lines, got {self.skip_lines!r}."
            )
        if not isinstance(self.bits, int) or not 1 <= self.bits <= 62:
            raise ValueError(f"bits must be an integer in 1 to 62, got {self.bits!r}.")
        self._check_source()
        self._check_origin()

    def _check_source(self) -> None:
        about_stamps = {
            "column": self.column is not None,
            "unit": self.unit is not None,
            "frame_index": self.frame_index is not None,
            "origin": self.origin != "clock",
        }
        named = [name for name, is_set in about_stamps.items() if is_set]
        if self.source is None and named:
            raise ValueError(
                f"{' and '.join(named)} can only go with timestamps, and there are none."
            )
        if self.unit in ("samples", "frames") and self.rate is None:
            raise ValueError(
                f"unit={self.unit!r} goes with rate, in {self.unit} per second."
            )
        if self.rate is not None and self.source is not None and self.unit not in RATED:
            raise ValueError(
                "rate makes the times itself; give either rate or timestamps. Numbers of "
                "samples or frames go with unit='samples' or unit='frames'."
            )
        if self.anchor is not None and self.pulses is None and self.sync is None:
            raise ValueError("anchor goes with pulses or sync, which are missing.")
        if self.lost_frames is not None and self.frame_index is not None:
            raise ValueError(
                "frame_index says which frame each stamp is for, and lost_frames which "
                "stamps have none; give one of the two."
            )
        if self.lost_frames is not None and self.source is None and self.rate is None:
            raise ValueError(
                "lost_frames leaves out times of triggers, and there are none; give "
                "timestamps or rate."
            )
        for name, value, needed in (
            ("sync_fit", self.sync_fit != "piecewise", ("sync",)),
            ("first_frame", self.first_frame != 0, ("frame_index", "lost_frames")),
            ("frame_counter", self.frame_counter is not None, ("pulses",)),
            ("pulse_counter", self.pulse_counter is not None, ("pulses",)),
        ):
            if value and all(getattr(self, other) is None for other in needed):
                raise ValueError(
                    f"{name} goes with {' or '.join(needed)}, which is missing."
                )
        if self.bits != 32 and self.unit != "ticks":
            raise ValueError("bits goes with unit='ticks'.")
        if (self.unit == "ticks") != (self.frequency is not None):
            raise ValueError(
                "unit='ticks' and frequency, in ticks per second, go together; got "
                f"unit={self.unit!r} and frequency={self.frequency!r}."
            )

    def _check_origin(self) -> None:
        if self.unit == "iso8601" and self.origin == "clock":
            raise ValueError(
                "dates have to become seconds: pass origin='first' for seconds since the "
                "first stamp, or origin='epoch' for seconds since 1970-01-01 UTC."
            )
        if self.start is not None and self.origin == "epoch":
            raise ValueError("start goes with origin='clock' or 'first', not with 'epoch'.")

    @property
    def is_container(self) -> bool:
        r"""Whether it is the clock of the container and nothing else."""
        made = (self.source, self.rate, self.sync, self.start, self.pulses)
        return all(field is None for field in made)


def as_clock(timestamps: Any, **fields: Any) -> Clock:
    r"""Returns a :obj:`Clock` for what a caller passed as ``timestamps``.

    Args:
        timestamps: a :obj:`Clock`, or the source of one.
        **fields: further fields of the clock; :obj:`None` where the caller names none.

    Raises:
        ValueError: if a clock comes with fields beside it.
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    if not isinstance(timestamps, Clock):
        return replace(Clock(**_policies(fields)), source=timestamps, **fields)
    different = [n for n, value in fields.items() if value != getattr(timestamps, n)]
    choices = [n for n in different if fields[n] != "raise"]
    if choices:
        raise ValueError(
            f"timestamps is a Clock; say {' and '.join(choices)} in it, not beside it."
        )
    return timestamps


def _policies(fields: dict[str, Any]) -> dict[str, Any]:
    # Checked first, so that an error names a wrong word before a missing clock.
    return {name: value for name, value in fields.items() if name in POLICIES}


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
