r"""Reads the points of pose tables, one row for each frame of a video."""

from __future__ import annotations

import io
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._base.text_table import open_table, read_columns
from .._base.uris import file_name
from .frame_count import check_rows, dlc_header, pose_frame_count
from .sleap_labels import is_labels, read_labels

# The names of a column: of the animal, "" if there is but one, and of point and axis.
Column = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class PoseTable:
    r"""Key points of every frame.

    Args:
        names: of the key points.
        points: x and y in pixels, float64 of shape (n_frames, n_animals, n_names, 2); NaN
            where there is no point.
        edges: pairs of places in ``names`` that the skeleton joins, if the file says it.
    """

    names: tuple[str, ...]
    points: np.ndarray
    edges: tuple[tuple[int, int], ...] = ()


def read_pose(
    path: str | os.PathLike[str], min_confidence: float, n_frames: int, video: str
) -> PoseTable:
    r"""Returns the points of a video's frames.

    Args:
        path: of a ``.slp`` or ``.analysis.h5`` of SLEAP, or an ``.h5`` or ``.csv`` of
            DeepLabCut.
        min_confidence: least score or likelihood of a point that is kept.
        n_frames: of the video.
        video: its uri, whose last part tells it from other videos of a ``.slp``.

    Raises:
        ValueError: if it is none of these, or a table of another number of frames.
        OSError: if there is no file, or it cannot be opened.
    """
    if is_labels(path):
        skeleton, points = read_labels(path, file_name(video), n_frames, min_confidence)
        return PoseTable(skeleton.names, points, skeleton.edges)
    table = read_pose_table(path, min_confidence)
    check_rows(len(table.points), n_frames, path, "the video")
    return table


def read_pose_table(path: str | os.PathLike[str], min_confidence: float = 0.0) -> PoseTable:
    r"""Returns the points of a table with a row for each frame.

    Args:
        path: of an ``.analysis.h5`` of SLEAP, or an ``.h5`` or ``.csv`` of DeepLabCut.
        min_confidence: least score or likelihood of a point that is kept.

    Raises:
        ValueError: if it is neither.
        OSError: if there is no file, or it cannot be opened.

    Example ::

        >>> _ = open("pose.csv", "w").write(
        ...     "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
        ...     "0,1.5,2.5,0.9\n1,1.6,2.4,0.1\n"
        ... )
        >>> read_pose_table("pose.csv", min_confidence=0.5).points[:, 0, 0]
        array([[1.5, 2.5],
               [nan, nan]])
    """
    table = Path(path)
    pose_frame_count(table)  # refuses what is no pose table
    try:
        if table.suffix.lower() == ".csv":
            columns, values = _read_csv(table)
            return _arrange(columns, values, min_confidence)
        return _read_hdf5(table, min_confidence)
    except (ValueError, KeyError, RuntimeError, TypeError, pickle.PickleError) as error:
        raise ValueError(f"cannot read the points of {str(table)!r}: {error}") from error


def _read_csv(path: Path) -> tuple[list[Column], np.ndarray]:
    table = open_table(path, "the table")
    header = dlc_header(table)
    columns = _columns(
        header.get("individuals", [""] * len(header["coords"])),
        header["bodyparts"],
        header["coords"],
    )
    numbers = range(1, max(map(len, table.top)))
    values = read_columns(table, len(header), numbers, "number", ragged=False)
    return columns, np.stack(values, axis=1, dtype=np.float64)


def _read_hdf5(path: Path, min_confidence: float) -> PoseTable:
    import h5py

    with h5py.File(path, "r") as file:
        if "tracks" in file:
            return _read_sleap(file, min_confidence)
        (group,) = (item for item in file.values() if isinstance(item, h5py.Group))
        if "table" in group:
            labels = _load_plain(bytes(group.attrs["non_index_axes"]))[0][1]
            values = group["table"]["values_block_0"]
        else:
            labels, values = _fixed_labels(group), group["block0_values"][()]
    parts = list(zip(*labels))
    animals = parts[1] if len(parts) == 4 else [""] * len(labels)
    columns = _columns(animals, parts[-2], parts[-1])
    return _arrange(columns, np.asarray(values, np.float64), min_confidence)


def _fixed_labels(group: Any) -> list[tuple[str, ...]]:
    n_levels = int(group.attrs["block0_items_nlevels"])
    parts = []
    for level in range(n_levels):
        names = group[f"block0_items_level{level}"].asstr()[()]
        parts.append(names[group[f"block0_items_label{level}"][()]].tolist())
    return list(zip(*parts))


def _read_sleap(file: Any, min_confidence: float) -> PoseTable:
    tracks = file["tracks"]
    axes = json.loads(tracks.attrs.get("dims", '["track", "xy", "node", "frame"]'))
    order = [axes.index(name) for name in ("frame", "track", "node", "xy")]
    points = tracks[()].transpose(order).astype(np.float64)
    if "point_scores" in file:
        scores = file["point_scores"]
        axes = json.loads(scores.attrs.get("dims", '["track", "node", "frame"]'))
        order = [axes.index(name) for name in ("frame", "track", "node")]
        points[scores[()].transpose(order) < min_confidence] = np.nan
    return PoseTable(tuple(file["node_names"].asstr()[()].tolist()), points)


def _columns(animals: Any, points: Any, axes: Any) -> list[Column]:
    return [(str(a), str(p), str(x)) for a, p, x in zip(animals, points, axes)]


def _arrange(columns: list[Column], values: np.ndarray, min_confidence: float) -> PoseTable:
    if values.shape[1] != len(columns):
        raise ValueError(f"{values.shape[1]} columns have {len(columns)} names")
    animals = list(dict.fromkeys(animal for animal, _, _ in columns))
    names = list(dict.fromkeys(point for _, point, _ in columns))
    points = np.full((len(values), len(animals), len(names), 2), np.nan)
    place = {column: i for i, column in enumerate(columns)}
    for animal, name, axis in columns:
        if axis == "likelihood":
            continue
        values_here = values[:, place[animal, name, axis]]
        sure = place.get((animal, name, "likelihood"))
        if sure is not None:
            values_here = np.where(values[:, sure] < min_confidence, np.nan, values_here)
        target = points[:, animals.index(animal), names.index(name)]
        target[:, ("x", "y").index(axis)] = values_here
    return PoseTable(tuple(names), points)


class _PlainUnpickler(pickle.Unpickler):
    r"""Loads lists, tuples, strings and numbers, and refuses whatever else is asked."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"its column names hold an object {module}.{name}")


def _load_plain(data: bytes) -> Any:
    return _PlainUnpickler(io.BytesIO(data)).load()
