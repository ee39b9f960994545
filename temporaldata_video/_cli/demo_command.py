r"""``temporaldata-video demo``: a recording from camera to picture, with proof."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.filesize import decimal
from rich.table import Column, Table

from .._base.uris import short_path
from .._tools.write_index import write_index
from ..errors import DecodeError, SourceError
from .opening import make_console

if TYPE_CHECKING:
    from temporaldata import Data

    from ..testing import Recording

SECONDS = 30.0
WINDOW = (12.0, 13.0)
N_RANDOM_WINDOWS = 20
# Each modality, and the column whose shape is shown.
MODALITIES = {
    "video": "frames",
    "spikes": "unit_index",
    "lfp": "lfp",
    "pose": "nose",
    "trials": "start",
}
# Marks a folder as the demo's own, which it may write over.
MARKER = "made-by-temporaldata-video-demo.txt"


def demo(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A new folder, or that of an earlier demo."),
    ] = Path("temporaldata-video-demo"),
) -> None:
    r"""Make a small recording and cut exact windows out of it.

    It shows what this package does, with 30 s of made-up video, spikes, LFP and pose: what
    each holds in a window, how long that takes, proof that the frames are the right ones,
    and one picture of all. It takes a few seconds and needs no network.

    Example: temporaldata-video demo my-first-recording
    """
    from .._plot.figure import new_figure, require_matplotlib, save_figure
    from .._tools.plot_recording import plot_recording

    require_matplotlib()
    _claim_directory(directory)
    timings: dict[str, float] = {}
    recording, path = _make_recording_file(directory, timings)

    from temporaldata import Data

    with _timed(timings, "load the recording"):
        data = Data.load(path)
    with data:
        with _timed(timings, f"slice {WINDOW[0]:g} s to {WINDOW[1]:g} s"):
            sample = data.slice(*WINDOW, reset_origin=False)
        rows = [
            (name, *_describe(getattr(sample, name), column))
            for name, column in MODALITIES.items()
        ]
        with _timed(timings, f"decode its {len(sample.video)} frames"):
            pixels = sample.video.frames
        checked = _prove_frames(data, recording, timings)
        with _timed(timings, "draw"):
            figure = new_figure(1200, 600)
            plot_recording(data, *WINDOW, figure=figure)
            save_figure(figure, directory / "demo.png")
    _print_tables(rows, pixels, timings)
    typer.echo(
        f"\nProof: the camera painted a number into each frame. In {checked[0]} windows, "
        f"all\n{checked[1]} frames carry the numbers that the camera's clock has there.\n"
    )
    _print_next_step(path, directory / "demo.png")


def _claim_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        marker = directory / MARKER
        if not marker.exists() and any(directory.iterdir()):
            raise SourceError(
                f"{str(directory)!r} holds other files, which the demo could overwrite. "
                f"Give a new folder: temporaldata-video demo FOLDER"
            )
        marker.write_text("The demo writes over all files here.\n")
    except OSError as error:
        raise SourceError(
            f"cannot write to {str(directory)!r} ({error.strerror}). Give another folder: "
            f"temporaldata-video demo FOLDER"
        ) from error


def _make_recording_file(
    directory: Path, timings: dict[str, float]
) -> tuple[Recording, Path]:
    from ..hosts.temporaldata import LazyVideo
    from ..testing import make_recording

    with _timed(timings, f"make {SECONDS:g} s of video, spikes and LFP"):
        recording = make_recording(directory, SECONDS)
    with _timed(timings, "index the video"):
        clock = recording.camera_times
        write_index(recording.video, timestamps=clock, overwrite=True, progress=False)
    with _timed(timings, "open the video by its index"):
        video = LazyVideo.from_uri(recording.video)
    data = _build_data(recording, video)
    path = directory / "rec.h5"
    with _timed(timings, "save the recording"):
        data.save(path)
    return recording, path


def _build_data(recording: Recording, video: Any) -> Data:
    from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

    from ..testing import LFP_RATE

    # Newer hosts deprecate the argument without which older ones have no domain.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        lfp = RegularTimeSeries(lfp=recording.lfp, sampling_rate=LFP_RATE, domain="auto")
    return Data(
        video=video,
        spikes=IrregularTimeSeries(
            timestamps=recording.spike_timestamps,
            unit_index=recording.spike_unit_index,
            domain="auto",
        ),
        lfp=lfp,
        pose=IrregularTimeSeries(
            timestamps=np.load(recording.camera_times),
            body=recording.body,
            nose=recording.nose,
            domain="auto",
        ),
        trials=Interval(recording.trial_start, recording.trial_end),
        domain=Interval(0.0, SECONDS),
    )


def _describe(series: Any, column: str) -> tuple[str, ...]:
    # A lazy video knows the shape of its frames, so this decodes nothing.
    shape = (series if column == "frames" else getattr(series, column)).shape
    names = series.keys()
    size = sum(getattr(series, name).nbytes for name in names if name != "frames")
    begins, ends = (
        (series.start, series.end) if column == "start" else [series.timestamps] * 2
    )
    return (
        type(series).__name__,
        str(len(series)),
        "x".join(map(str, shape)),
        f"{begins[0]:.2f}-{ends[-1]:.2f} s",
        decimal(size),
    )


def _prove_frames(
    data: Data, recording: Recording, timings: dict[str, float]
) -> tuple[int, int]:
    from ..testing import read_numbers

    clock = np.load(recording.camera_times)
    starts = np.random.default_rng().uniform(0.0, SECONDS - 1.0, N_RANDOM_WINDOWS)
    seconds, n_checked = [], 0
    for start in [WINDOW[0], *starts.tolist()]:
        end = start + WINDOW[1] - WINDOW[0]
        started = time.perf_counter()
        frames = data.slice(start, end).video.frames
        seconds.append(time.perf_counter() - started)
        expected = np.flatnonzero((clock >= start) & (clock < end))
        found = read_numbers(frames)
        if not np.array_equal(found, expected):
            raise DecodeError(
                f"frames {found} came out of [{start}, {end}) where {expected} belong. "
                f"This is a fault of the package; please report it."
            )
        n_checked += len(found)
    timings["slice and decode 1 s anywhere (median)"] = float(np.median(seconds))
    return len(seconds), n_checked


def _print_tables(
    rows: list[tuple[str, ...]], pixels: np.ndarray, timings: dict[str, float]
) -> None:
    held = _plain_table("modality", "type", "samples", "shape", "from-to", "in memory")
    for row in rows:
        held.add_row(*row)
    took = _plain_table("step", Column("ms", justify="right"))
    for step, seconds in timings.items():
        took.add_row(step, f"{1e3 * seconds:.1f}")
    console = make_console()
    console.print(f"The slice from {WINDOW[0]:g} s to {WINDOW[1]:g} s:\n")
    console.print(held)
    console.print(f"\nOnce its frames are decoded, {decimal(pixels.nbytes)} more.\n")
    console.print(took)


def _plain_table(*columns: str | Column) -> Table:
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _print_next_step(path: Path, picture: Path) -> None:
    typer.echo(f"Picture: {short_path(str(picture))}")
    typer.echo("Go on in Python:\n")
    typer.echo(
        "    import temporaldata_video\n"
        "    from temporaldata import Data\n"
        f"    sample = Data.load({short_path(str(path))!r}).slice(4.0, 5.0)\n"
        "    print(sample.video.frames.shape, sample.spikes.timestamps.shape)"
    )


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[step] = time.perf_counter() - started
