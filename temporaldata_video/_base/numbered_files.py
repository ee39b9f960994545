r"""Puts the numbered files of one video in order, and finds them in a folder."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..errors import IndexWarning, SourceError, SourceNotFoundError
from .formats import VIDEO_SUFFIXES
from .uris import is_local, segment_uris
from .user_warnings import warn_user

_DIGITS = re.compile(r"\d+")
# GoPro's GX010123.MP4 is chapter 1 of its file 123. Older cameras call what comes before
# chapter 1 GOPR0123.MP4.
_CHAPTER = re.compile(r"(?<![^/\\])(?:G[A-Z])(\d\d)(\d{4})\.\w+$", re.IGNORECASE)
_FIRST_CHAPTER = re.compile(r"(?<![^/\\])GOPR(?=\d{4}\.\w+$)", re.IGNORECASE)
# Nobody reads longer lists in a message.
_MOST_NAMED = 12


class _Name(NamedTuple):
    # A uri taken apart. Numbers are places in its text, the one that counts most first.
    text: str
    numbers: tuple[tuple[int, int], ...]
    chapters: bool

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(int(self.text[start:stop]) for start, stop in self.numbers)

    def pattern(self, column: int | None = None) -> str:
        # With a star for one number, or for all.
        chosen = self.numbers if column is None else [self.numbers[column]]
        text = self.text
        for start, stop in sorted(chosen, reverse=True):
            text = f"{text[:start]}*{text[stop:]}"
        return text


def in_order(uris: Sequence[str]) -> tuple[str, ...]:
    r"""Returns files in the order of their numbers, with a warning if it was another one.

    Names that differ in numbers alone have such an order: ``2.avi`` comes before
    ``10.avi``, and GoPro's chapters go by file, and then by chapter. All others stay as
    they are. So do names that differ in several numbers, which may be dates in any order,
    unless they were sorted as text, as a shell does.

    Args:
        uris: the files of one video, as a user gives them.
    """
    names = [_taken_apart(uri) for uri in uris]
    ordered = [uri for _, uri in sorted(zip((name.values for name in names), uris))]
    if len({name.pattern() for name in names}) > 1 or ordered == [*uris]:
        return tuple(uris)
    certain = len(_varying(names)) == 1 or [*uris] == sorted(uris)
    verdict = "The second order is taken" if certain else "The first order is taken"
    warn_user(
        f"the files of a video were given in the order {_listed(uris)}, and that of their "
        f"numbers is {_listed(ordered)}. {verdict}. To join files in any order, index each "
        f"by itself, with its own times, and pass the videos to tv.concat.",
        IndexWarning,
    )
    return tuple(ordered if certain else uris)


def find_files(path: str) -> tuple[str, ...] | None:
    r"""Returns the files of the one video in a folder, in the order of their numbers.

    Args:
        path: a folder of this machine, or a path in whose last part ``*`` and ``?`` stand
            for other characters.

    Returns:
        The files; :obj:`None` if it is neither a pattern nor a folder with a video.

    Raises:
        SourceNotFoundError: if no video fits a pattern.
        SourceError: if they are no series of numbered files.
    """
    if not is_local(path) or os.path.isfile(path):
        return None
    folder, pattern = (path, "*") if os.path.isdir(path) else os.path.split(path)
    if not re.search(r"[*?]", pattern):
        return None
    fits = re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = [os.path.join(folder, name) for name in names if fits(name) and _is_video(name)]
    found = [uri for uri in found if os.path.isfile(uri)]
    if not found and folder == path:
        return None
    if not found:
        raise SourceNotFoundError(
            f"there is no video at {path!r}. It looks for files that end in "
            f"{', '.join(VIDEO_SUFFIXES)}; give others as a list."
        )
    if found == segment_uris(found[0], len(found)):
        return tuple(found)
    series = _series_of(found)
    if len(series) > 1:
        named = [os.path.basename(pattern) for pattern in series]
        raise SourceError(
            f"the {len(found)} videos at {path!r} are no single series of numbered files: "
            f"{_listed(named)}. Give one of these, with its folder, or a list of the files "
            f"of the video in their order."
        )
    (files,) = series.values()
    _warn_of_holes(files)
    return tuple(files)


def _is_video(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES


def _taken_apart(uri: str) -> _Name:
    text = _FIRST_CHAPTER.sub("GP00", uri)
    # Those of a suffix, such as .mp4, count nothing.
    end = len(text) - len(Path(text).suffix)
    numbers = [found.span() for found in _DIGITS.finditer(text, 0, end)]
    if chapter := _CHAPTER.search(text):
        numbers = [*numbers[:-1], chapter.span(2), chapter.span(1)]
    return _Name(text, tuple(numbers), chapter is not None)


def _varying(names: Sequence[_Name]) -> list[int]:
    columns = zip(*(name.values for name in names))
    return [number for number, column in enumerate(columns) if len(set(column)) > 1]


def _series_of(uris: Sequence[str]) -> dict[str, list[str]]:
    # By pattern, the files that differ in one number: the last of those that differ. Of
    # GoPro's numbers it is the chapter, since each file is a recording of its own.
    alike: dict[str, list[tuple[str, _Name]]] = {}
    for uri in uris:
        name = _taken_apart(uri)
        alike.setdefault(name.pattern(), []).append((uri, name))
    series: dict[str, list[tuple[tuple[int, ...], str]]] = {}
    for group in alike.values():
        varying = _varying([name for _, name in group])
        for uri, name in group:
            counter = len(name.numbers) - 1 if name.chapters else max(varying, default=None)
            pattern = uri if counter is None else name.pattern(counter)
            series.setdefault(pattern, []).append((name.values, uri))
    return {
        pattern if len(files) > 1 else files[0][1]: [uri for _, uri in sorted(files)]
        for pattern, files in series.items()
    }


def _warn_of_holes(files: Sequence[str]) -> None:
    names = [_taken_apart(uri) for uri in files]
    for column in _varying(names):
        numbers = [name.values[column] for name in names]
        steps = [after - before for before, after in pairwise(numbers)]
        longest = steps.index(max(steps))
        if steps[longest] > min(steps):
            warn_user(
                f"{files[longest + 1]!r} follows {files[longest]!r}, a step of "
                f"{steps[longest]} where others are {min(steps)}: is a file missing?",
                IndexWarning,
            )


def _listed(uris: Sequence[str]) -> str:
    names = [os.path.basename(uri) for uri in uris]
    if len(set(names)) < len(names):
        names = [*uris]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
