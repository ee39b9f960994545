r"""Reads the labels and predictions of a SLEAP project, a ``.slp`` file.

It is the HDF5 layout of format 1.0, which 1.1 (the centre of the upper left pixel became
(0, 0)), 1.2 (``tracking_score``) and later ones only added to: rows of ``frames`` name rows
of ``instances``, and these name rows of ``points`` or ``pred_points``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

SUFFIX = ".slp"
_USER, _PREDICTED = 0, 1
_BODY_EDGE = 1  # others join left and right
_CENTRED_SINCE = 1.1
_MOST_ANIMALS = 1000


class Skeleton(NamedTuple):
    r"""The key points of an animal, and which of them are joined.

    Args:
        names: of the key points.
        edges: pairs of places in ``names``.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


def is_labels(path: str | os.PathLike[str]) -> bool:
    r"""Returns whether a file is named as a project of SLEAP."""
    return os.fspath(path).lower().endswith(SUFFIX)


def last_labelled(path: str | os.PathLike[str], video: str) -> int:
    r"""Returns the number of the last frame with a label, -1 if there is none.

    Args:
        path: of the ``.slp``.
        video: the name of the video's file, which tells it from others in the project.

    Raises:
        ValueError: if it is no ``.slp``, or has several videos and none of that name.
    """
    with _opened(path) as file:
        return int(_frames_of(file, video)["frame_idx"].astype(int).max(initial=-1))


def read_labels(
    path: str | os.PathLike[str], video: str, n_frames: int, min_confidence: float
) -> tuple[Skeleton, np.ndarray]:
    r"""Returns the points of each frame of a video.

    An animal that was labelled has its labels, and another its prediction. Animals with a
    track keep their place; others are in the order of the file.

    Args:
        path: of the ``.slp``.
        video: as for :func:`last_labelled`.
        n_frames: of the video.
        min_confidence: least score of a predicted point that is kept.

    Returns:
        The skeleton, and x and y in pixels, float64 of shape (n_frames, n_animals, n_names,
        2); NaN where there is no point.

    Raises:
        ValueError: as :func:`last_labelled`; or if labels lie beyond the video.
    """
    with _opened(path) as file:
        frames, instances = _frames_of(file, video), file["instances"][()]
        starts, stops = (
            frames[f"instance_id_{end}"].astype(int) for end in ("start", "end")
        )
        counts, n = stops - starts, len(instances)
        within = (starts >= 0) & (counts >= 0) & (stops <= n)
        if not within.all() or counts.sum() > n:
            raise ValueError("its frames name instances that it does not have")
        rows = [np.arange(a, b) for a, b in zip(starts.tolist(), stops.tolist())]
        found = instances[np.concatenate([np.empty(0, int), *rows])]
        numbers = np.repeat(frames["frame_idx"].astype(int), counts)
        if numbers.min(initial=0) < 0 or numbers.max(initial=-1) >= n_frames:
            raise ValueError(
                f"it has labels of frame {numbers.max()}, and the video has {n_frames} "
                f"frames"
            )
        skeleton = _skeleton(file, found["skeleton"])
        points = _points(file, found, len(skeleton.names), min_confidence)
    corrected = found["from_predicted"][found["instance_type"] == _USER]
    kept = (found["instance_type"] == _USER) | ~np.isin(found["instance_id"], corrected)
    found, numbers, points = found[kept], numbers[kept], points[kept]
    animals = _animals(numbers, found["track"])
    n_animals = int(animals.max(initial=0)) + 1
    if n_animals > _MOST_ANIMALS:
        raise ValueError(f"it has {n_animals} animals in one frame")
    table = np.full((n_frames, n_animals, len(skeleton.names), 2), np.nan)
    for kind in (_PREDICTED, _USER):  # what a user labelled replaces what was predicted
        these = found["instance_type"] == kind
        table[numbers[these], animals[these]] = points[these]
    return skeleton, table


def read_skeleton(path: str | os.PathLike[str]) -> Skeleton:
    r"""Returns the skeleton of a project.

    Args:
        path: of the ``.slp``.

    Raises:
        ValueError: if it is no ``.slp``, or has several skeletons.
    """
    with _opened(path) as file:
        return _skeleton(file, np.unique(file["instances"]["skeleton"]))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    import h5py

    with open(path, "rb"):  # what cannot be opened is an OSError
        pass
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Exception as error:  # a damaged file makes its library raise anything
        raise ValueError(
            f"cannot read {os.fspath(path)!r} as a .slp file of SLEAP: {error}"
        ) from error


def _frames_of(file: Any, video: str) -> np.ndarray:
    about = [json.loads(text) for text in file["videos_json"][()]]
    names = [_file_name(one) for one in about]
    here = [k for k, name in enumerate(names) if name.casefold() == video.casefold()]
    if len(names) == 1:
        here = [0]
    if len(here) != 1:
        raise ValueError(
            f"it has labels of {len(names)} videos, {', '.join(names)}, and "
            f"{len(here) or 'none'} of the name {video!r}"
        )
    frames = file["frames"][()]
    number = here[0]
    # Projects with pictures in them once numbered videos by the groups of these.
    group = re.match(r"video(\d+)/", str(about[number]["backend"].get("dataset") or ""))
    if group and frames["video"].max(initial=0) >= len(names):
        number = int(group[1])
    return frames[frames["video"] == number]


def _file_name(about: Any) -> str:
    # The name of a video's file; of pictures in the project, that of their source.
    while about.get("source_video"):
        about = about["source_video"]
    name = about.get("filename") or about["backend"].get("filename") or ""
    return PureWindowsPath(name[0] if isinstance(name, list) else name).name


def _skeleton(file: Any, used: np.ndarray) -> Skeleton:
    metadata = json.loads(file["metadata"].attrs["json"])
    numbers = np.unique(used).tolist() or [0]
    if len(numbers) > 1:
        raise ValueError(f"its animals have {len(numbers)} different skeletons")
    skeleton = metadata["skeletons"][numbers[0]]
    nodes = [node["id"] for node in skeleton["nodes"]]
    names = tuple(str(metadata["nodes"][node]["name"]) for node in nodes)
    kinds: list[int] = []
    edges = []
    for link in skeleton["links"]:
        # A kind is spelled out once; later links name it by its number in that order.
        if "py/reduce" in link["type"]:
            kinds.append(link["type"]["py/reduce"][1]["py/tuple"][0])
            kind = kinds[-1]
        else:
            kind = kinds[link["type"]["py/id"] - 1]
        if kind == _BODY_EDGE:
            edges.append((nodes.index(link["source"]), nodes.index(link["target"])))
    return Skeleton(names, tuple(edges))


def _points(
    file: Any, instances: np.ndarray, n_names: int, min_confidence: float
) -> np.ndarray:
    points = np.full((len(instances), n_names, 2), np.nan)
    starts = instances["point_id_start"].astype(int)
    stops = instances["point_id_end"].astype(int)
    if (starts < 0).any() or (stops - starts != n_names).any():
        raise ValueError(f"its instances have not {n_names} points, as its skeleton has")
    for kind, name in ((_USER, "points"), (_PREDICTED, "pred_points")):
        these = np.flatnonzero(instances["instance_type"] == kind)
        if not len(these):
            continue
        rows = file[name][()][starts[these, None] + np.arange(n_names)]
        seen = rows["visible"].astype(bool)
        if kind == _PREDICTED:
            seen &= rows["score"] >= min_confidence
        both = np.stack([rows["x"], rows["y"]], axis=-1)
        points[these] = np.where(seen[..., None], both, np.nan)
    is_centred = float(file["metadata"].attrs["format_id"]) >= _CENTRED_SINCE
    return points if is_centred else points - 0.5


def _animals(numbers: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    # The place of each instance among the animals of its frame.
    known = np.unique(tracks[tracks >= 0])
    animals = np.searchsorted(known, tracks)
    others = np.flatnonzero(tracks < 0)
    others = others[np.argsort(numbers[others], kind="stable")]
    _, first, of_frame = np.unique(numbers[others], return_index=True, return_inverse=True)
    animals[others] = len(known) + np.arange(len(others)) - first[of_frame]
    return animals
