r"""Matches pulses to frames for those who have both in their hands."""

from __future__ import annotations

from typing import Any

import numpy as np

from .clock import MAX_DRIFT_PPM, as_clock
from .clock_files import read_values
from .pulses import ClockMatch, match_times
from .read_clock import read_stamps


def match_clock(
    pulses: Any,
    frames: Any,
    *,
    frame_counter: Any = None,
    pulse_counter: Any = None,
    anchor: Any = None,
    max_drift_ppm: float = MAX_DRIFT_PPM,
    max_residual: float | None = None,
) -> ClockMatch:
    r"""Finds the pulse of each frame where there are more of one than of the other.

    What says which belong together is, in this order: numbers that the camera counted; the
    lengths of intervals, by which two trains with some jitter or pauses match in one way
    alone; that a single way leaves no frame or no pulse over; and an ``anchor``. Where
    nothing says it, the frames get no times, and the error lists the candidates.

    Args:
        pulses: when triggers or exposures came, in the recording's clock: an array of
            seconds of shape (m,), a file, or a :obj:`~temporaldata_video.Clock`.
        frames: when frames were taken, in any clock: the camera's ticks or the container's
            times, as an array of seconds of shape (n,), a file or a ``Clock``; or only how
            many frames there are. Whole numbers that mostly go up by one are a frame
            counter, unless pulses come once a second. Times that a program made up from a
            nominal rate do not show where a frame was lost.
        frame_counter: number of each frame, as the camera counted, of shape (n,), or a file
            of them. It may start over.
        pulse_counter: the same number of each pulse, of shape (m,), or a file of them.
        anchor: a frame and its pulse, such as ``(0, 4)``; negative numbers count from the
            end.
        max_drift_ppm: the most millionths by which the two clocks may differ.
        max_residual: the most seconds by which a pulse may lie off the line through all of
            them; half the interval between frames by default.

    Returns:
        The times of the frames in seconds, float64 of shape (n,), with NaN where a frame
        has no pulse; which frames and pulses are left over; and how well they fit.

    Raises:
        ClockError: if nothing says which belong together, or they fit badly.
        ValueError: if an argument cannot be read, or makes no sense.

    Example ::

        >>> import temporaldata_video as tv
        >>> counter = [254, 255, 0, 2, 3]  # of 8 bits; the camera lost frame 1
        >>> pulses = [10.0, 10.1, 10.2, 10.3, 10.4, 10.5]
        >>> match = tv.match_clock(pulses, 5, frame_counter=counter)
        >>> match.times
        array([10. , 10.1, 10.2, 10.4, 10.5])
        >>> tv.match_clock(pulses, 5)
        Traceback (most recent call last):
        temporaldata_video.errors.ClockError: the video has 5 frames, and there are 6 ...
    """
    times: np.ndarray | int
    if isinstance(frames, (int, np.integer)):
        times = int(frames)
    else:
        times = read_stamps(as_clock(frames)).seconds
    return match_times(
        read_stamps(as_clock(pulses)).seconds,
        times,
        frame_counter=None if frame_counter is None else read_values(frame_counter, None),
        pulse_counter=None if pulse_counter is None else read_values(pulse_counter, None),
        anchor=anchor,
        max_drift_ppm=max_drift_ppm,
        max_residual=max_residual,
    )
