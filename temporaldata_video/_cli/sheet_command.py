r"""``temporaldata-video sheet``: frames of a video on one picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from .._base.uris import shown_uri
from .._clock.fit import read_timestamps
from .._clock.times_in_words import format_extent
from .._pixels.convert import OutputFormat
from .._plot.contact_sheet import columns_for, draw_sheet
from .._plot.figure import require_matplotlib, save_figure
from .._plot.pose_marks import Pose, as_pose, edges_of
from .._plot.stills import Stills
from .._plot.timeline import time_offset
from .._pose.pose_table import read_pose
from .._tools.named_videos import only_video
from .._video.recording import Recording
from .._video.resample import match_times
from .._video.thumbnails import half_frame, read_stills, shown_size
from ..hosts.temporaldata import load_series
from .opening import IndexUriOption, VideoArgument

DEFAULT_COUNT = 36
# Nobody looks at a sheet of more frames, and drawing it takes minutes.
MOST_FRAMES = 1000


class Labels(StrEnum):
    r"""What stands above each frame."""

    BOTH = "both"
    TIME = "time"
    NUMBER = "number"
    NONE = "none"


def sheet(
    file: VideoArgument,
    start: Annotated[
        float | None,
        typer.Argument(
            metavar="START",
            help="Begin of the window in seconds; of the video by default.",
            show_default=False,
        ),
    ] = None,
    end: Annotated[
        float | None,
        typer.Argument(
            metavar="END",
            help="End of the window in seconds, not included.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write.")
    ] = Path("sheet.png"),
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_FRAMES,
            help=f"Frames to show, evenly spread; {DEFAULT_COUNT} at most by default.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Show a frame every so many seconds."),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(
            metavar="TIMES",
            help="Show the frames on screen at these seconds: 1.5,2,7 or a file of times.",
        ),
    ] = None,
    labels: Annotated[Labels, typer.Option(help="What stands above frames.")] = Labels.BOTH,
    columns: Annotated[
        int | None,
        typer.Option(min=1, help="Frames side by side, at most.", show_default=False),
    ] = None,
    width: Annotated[int, typer.Option(min=100, help="Pixels of the picture.")] = 1200,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Draw the points of SLEAP (.slp) with their skeleton, or of a SLEAP "
            "(.analysis.h5) or DeepLabCut (.h5, .csv) table with a row for each frame of "
            "the video; or of a series with times of its own: rec.h5:pose, the series pose "
            "of the recording rec.h5.",
        ),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(help="Leave out points of --pose with less confidence.")
    ] = 0.0,
    value_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range",
            metavar="LOW HIGH",
            help="Values to draw black and white; of a video with more than 8 bits, the "
            "1st and the 99th percentile of what is drawn by default.",
            show_default=False,
        ),
    ] = None,
    index_uri: IndexUriOption = None,
) -> None:
    r"""Draw frames of a window, or of the whole video, on one picture.

    It shows whether video, clock and pose belong together: each frame has its time and
    number. Times below zero go behind two dashes: sheet cam.mp4 -o sheet.png -- -1.5 0

    FILE may be a recording of one video, rec.h5, or of several, rec.h5:face.

    Example: temporaldata-video sheet cam.mp4 100 101 -o sheet.png
    """
    if sum(option is not None for option in (count, every, times)) > 1:
        raise typer.BadParameter("Give one of --count, --every and --times.")
    if times is not None and start is not None:
        raise typer.BadParameter("--times says which times; leave START and END out.")
    if start is not None and end is not None and not start < end:
        raise typer.BadParameter(f"END must come after START, got {start:g} and {end:g}.")
    if value_range is not None and not value_range[0] < value_range[1]:
        raise typer.BadParameter(
            f"--range needs LOW below HIGH, got {value_range[0]:g} and {value_range[1]:g}."
        )
    require_matplotlib()
    video = only_video(file, index_uri=index_uri)
    recording = Recording(video.parts, OutputFormat(None, "RGB", "NHWC"))
    shown, note = _choose(
        recording, file, start, end, count=count, every=every, times=times
    )
    height, frame_width = shown_size(recording)
    n_columns = columns or columns_for(len(shown), frame_width / height)
    n_columns = min(n_columns, len(shown))
    numbers, clock = recording.time_order[shown], recording.sorted_timestamps[shown]
    stills = read_stills(recording, numbers, clock, width // n_columns, value_range)
    if pose is not None:
        stills = _with_points(stills, pose, recording, min_confidence)
    offset = time_offset(float(clock[0]))
    timed = labels in (Labels.BOTH, Labels.TIME)
    since = f"+ is from {_seconds(offset)}" if offset and timed else ""
    name = Path(shown_uri(file)).name
    figure = draw_sheet(
        stills,
        _labels(stills, labels),
        columns=n_columns,
        width=width,
        title="; ".join(filter(None, (f"{name}, {note}", since, stills.note))),
    )
    save_figure(figure, output)
    typer.echo(f"{output}: {note}")


def _choose(
    recording: Recording,
    file: str,
    start: float | None,
    end: float | None,
    *,
    count: int | None,
    every: float | None,
    times: str | None,
) -> tuple[np.ndarray, str]:
    r"""Returns positions in time order of the frames to show, and what they are."""
    clock = recording.sorted_timestamps
    if times is not None:
        chosen = np.sort(_read_times(times))
        _check_count(len(chosen), "--times")
        shown = match_times(clock, chosen, "previous")
        if shown.min(initial=0) < 0:
            raise ValueError(
                f"there is no previous frame at {_seconds(chosen[0])}: "
                f"{shown_uri(file)!r} has {format_extent(clock)}."
            )
        window = f"{_seconds(chosen[0])} to {_seconds(chosen[-1])}"
        return shown, f"{window}: {len(shown)} frames, at chosen times"
    first, stop = np.searchsorted(
        clock, [-np.inf if start is None else start, np.inf if end is None else end]
    ).tolist()
    if first == stop:
        window = "" if start is None else f" from {_seconds(start)}"
        window += "" if end is None else f" to {_seconds(end)}"
        raise ValueError(
            f"{shown_uri(file)!r} has no frame{window}; it has {format_extent(clock)}."
        )
    begins = float(clock[first]) if start is None else start
    ends = float(clock[stop - 1]) if end is None else end
    window = f"{_seconds(begins)} to {_seconds(ends)}"
    if every is not None:
        if not every > 0:
            raise ValueError(f"--every must be a positive number of seconds, got {every}.")
        _check_count((ends - max(begins, clock[0])) / every, "--every")
        regular = np.arange(max(begins, clock[0]), ends, every)
        shown = np.unique(match_times(clock, regular, "previous"))
        return shown, f"{window}: {len(shown)} frames, one every {every:g} s"
    found = stop - first
    shown = np.linspace(first, stop - 1, min(found, count or DEFAULT_COUNT))
    shown = shown.round().astype(np.int64)
    note = f"{found} frames" if len(shown) == found else f"{len(shown)} of {found} frames"
    return shown, f"{window}: {note}"


def _seconds(time: float) -> str:
    return f"{time:.3f}".rstrip("0").rstrip(".") + " s"


def _read_times(text: str) -> np.ndarray:
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError:
        return read_timestamps(text)


def _check_count(count: float, option: str) -> None:
    if not 0 < count <= MOST_FRAMES:
        raise ValueError(
            f"{option} asks for {count:.0f} frames, and a sheet shows 1 to {MOST_FRAMES}."
        )


def _with_points(
    stills: Stills, pose: str, recording: Recording, min_confidence: float
) -> Stills:
    series_path, _, name = pose.rpartition(":")
    if name and Path(series_path).is_file():
        series = load_series(series_path, name)
        return stills.with_pose(
            as_pose(series), stills.times, half_frame(recording.sorted_timestamps)
        )
    n_frames = int(recording.frame_counts.sum())
    table = read_pose(pose, min_confidence, n_frames, recording.parts[0].uri)
    # A row is a frame here, so that no clock is needed to bring them together.
    n_animals, n_points = table.points.shape[1:3]
    points = table.points.reshape(n_frames, n_animals * n_points, 2)
    rows = np.arange(n_frames, dtype=np.float64)
    names, key_points = table.names, np.tile(np.arange(n_points), n_animals)
    pose_by_row = Pose(rows, points, names, key_points, edges_of(key_points, table.edges))
    return stills.with_pose(pose_by_row, stills.numbers.astype(float), 0.0)


def _labels(stills: Stills, labels: Labels) -> list[str]:
    offset = time_offset(float(stills.times[0]))
    times = [f"{'+' if offset else ''}{time - offset:.3f} s" for time in stills.times]
    numbers = [f"#{number}" for number in stills.numbers]
    texts = {
        Labels.BOTH: [f"{time}  {number}" for time, number in zip(times, numbers)],
        Labels.TIME: times,
        Labels.NUMBER: numbers,
        Labels.NONE: [""] * len(times),
    }
    return texts[labels]
