r"""Counts the frames that a pose table is for."""

from __future__ import annotations

import json
import os
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from .._base.text_table import TextTable, open_table, read_columns
from .._base.uris import file_name
from .sleap_labels import is_labels, last_labelled

# Rows of names above the numbers of a DeepLabCut table, by the first cell of each.
_DLC_HEADER = {"scorer", "individuals", "bodyparts", "coords"}


def pose_frame_count(path: str | os.PathLike[str]) -> int:
    r"""Returns for how many frames a pose table has a row.

    Args:
        path: of an ``.analysis.h5`` of SLEAP, or an ``.h5`` or ``.csv`` of DeepLabCut.

    Raises:
        ValueError: if it is neither; a ``.slp`` has no row for each frame.
        OSError: if there is no file, or it cannot be opened.

    Example ::

        >>> _ = open("pose.csv", "w").write(
        ...     "scorer,net,net\nbodyparts,nose,nose\ncoords,x,y\n0,1.5,2.5\n1,1.6,2.4\n"
        ... )
        >>> pose_frame_count("pose.csv")
        2
    """
    table = Path(path)
    if is_labels(path):
        raise ValueError(
            f"{str(table)!r} has labels of single frames, and does not say how many frames "
            f"its video has."
        )
    with open(table, "rb"):  # what cannot be opened is an OSError that names the file
        pass
    try:
        if table.suffix.lower() == ".csv":
            return _count_csv(table)
        return _count_hdf5(table)
    except Exception as error:  # a damaged file makes its library raise anything
        raise ValueError(
            f"{str(table)!r} is no pose table of SLEAP (.analysis.h5) or DeepLabCut (.h5, "
            f".csv): {error}"
        ) from error


def check_pose(path: str | os.PathLike[str], n_frames: int, what: str) -> None:
    r"""Raises :obj:`ValueError` if a pose table is not for as many frames as a video has.

    Args:
        path: of the table, as for :func:`pose_frame_count`; or a ``.slp`` of SLEAP, which
            must have no label beyond the video.
        n_frames: frames of the video.
        what: the uri of the video.
    """
    if not is_labels(path):
        check_rows(pose_frame_count(path), n_frames, path, what)
    elif (last := last_labelled(path, file_name(what))) >= n_frames:
        raise ValueError(
            f"{what} has {n_frames} frames, and {os.fspath(path)!r} has labels of frame "
            f"{last}. Check that they belong together."
        )


def check_rows(n_rows: int, n_frames: int, path: str | os.PathLike[str], what: str) -> None:
    r"""Raises :obj:`ValueError` if a pose table has not as many rows as there are frames.

    Args:
        n_rows: of the table.
        n_frames: of the video.
        path: of the table.
        what: names the video in messages.
    """
    if n_rows != n_frames:
        raise ValueError(
            f"{what} has {n_frames} frames, and the pose table {os.fspath(path)!r} has "
            f"{n_rows} rows. Check that they belong together; a SLEAP export ends at the "
            f"last frame with a label unless all frames were asked for."
        )


def dlc_header(table: TextTable) -> dict[str, list[str]]:
    r"""Returns the rows of names above the numbers of a DeepLabCut table.

    Args:
        table: in text.

    Raises:
        ValueError: if ``bodyparts`` and ``coords`` are not among them.
    """
    rows = takewhile(lambda row: row[0] in _DLC_HEADER, table.top)
    header = {row[0]: row[1:] for row in rows}
    if not {"bodyparts", "coords"} <= header.keys():
        raise ValueError("it has no rows 'bodyparts' and 'coords' at its top")
    return header


def _count_csv(path: Path) -> int:
    table = open_table(path, "the table")
    header = dlc_header(table)
    (numbers,) = read_columns(table, len(header), [0], "text")
    # Labelled frames are named by their pictures, predictions by number.
    wrong = np.flatnonzero(numbers != np.arange(len(numbers)).astype(str))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(f"frame {row} should follow, and {numbers[row]!r} does")
    return len(numbers)


def _count_hdf5(path: Path) -> int:
    import h5py

    with h5py.File(path, "r") as file:
        if "tracks" in file and "node_names" in file:
            return _count_tracks(file["tracks"], file["node_names"].shape[0])
        groups = [item for item in file.values() if isinstance(item, h5py.Group)]
        # pandas keeps rows in one table, or, in its fixed format, their labels in axis1.
        rows = [group.get("table", group.get("axis1")) for group in groups]
        if len(rows) != 1 or not isinstance(rows[0], h5py.Dataset):
            raise ValueError("it has neither tracks and node_names, nor a pandas table")
        return int(rows[0].shape[0])


def _count_tracks(tracks: Any, n_nodes: int) -> int:
    # SLEAP writes its arrays for MATLAB, with the axes reversed; sleap-io can write them
    # either way, and then names the axes.
    axes = json.loads(tracks.attrs.get("dims", '["track", "xy", "node", "frame"]'))
    if len(axes) != tracks.ndim or tracks.shape[axes.index("node")] != n_nodes:
        raise ValueError(f"its tracks have the shape {tracks.shape}")
    return int(tracks.shape[axes.index("frame")])
