r"""Looks for a saved video that isn't where its recording points any more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from .._base.uris import file_name, frame_index_uri, protocol_of, shown_uri
from .._base.user_warnings import warn_user
from .._bytes.fingerprint import matches
from .._plugin.manager import resolve_store
from ..errors import BackendError, FrameIndexError, IndexWarning, SourceError
from ..types import Fingerprint, FrameIndex
from .part import VideoPart


def is_saved_file(uri: str, saved: Fingerprint | None) -> bool:
    r"""Returns whether a file is there and has the contents that a recording knows.

    Args:
        uri: the file.
        saved: its fingerprint; without one, no file is known to be the same.
    """
    if saved is None:
        return False
    try:
        store = resolve_store(uri)
        return matches(store, uri, saved, store.head(uri))
    except (SourceError, BackendError, OSError):
        return False


def find_known_index(part: VideoPart) -> FrameIndex | None:
    r"""Returns the index of a saved video, or :obj:`None` if there is none.

    Args:
        part: the video.

    Raises:
        StaleIndexError: if it is of another video than the recording was saved with.
        FrameIndexError: if it is damaged.
    """
    index = part.place.find_index()
    if index is not None and part.saved is not None:
        part.saved.check_counts(index, part.uri)
        part.saved.check_files(index, part.place.uris, part.reader)
    return index


def move_part(part: VideoPart, uris: Sequence[str]) -> VideoPart:
    r"""Returns a video with its files elsewhere, and its index where that is now.

    Args:
        part: as the recording has it.
        uris: where its files are now.
    """
    place = replace(part.place, uris=tuple(uris))
    moved = replace(part, place=place)
    beside = frame_index_uri(place.uri)
    if place.index_uri is None and (place.uri == part.uri or os.path.exists(beside)):
        return moved
    # A video that moved alone has left its index behind, and one that was renamed has an
    # index of its old name.
    was = place.index_uri or frame_index_uri(part.uri)
    there = os.path.join(os.path.dirname(place.uri), file_name(was))
    for index_uri in (was, there):
        found = replace(part, place=replace(place, index_uri=index_uri))
        if not protocol_of(index_uri) and os.path.isdir(index_uri) and _is_indexed(found):
            return moved if index_uri == beside else found
    return moved


def _is_indexed(part: VideoPart) -> bool:
    try:
        return find_known_index(part) is not None
    except (FrameIndexError, SourceError, BackendError):
        return False


def look_beside(part: VideoPart) -> VideoPart:
    r"""Returns a saved video whose files are read beside the recording, with a warning, if
    they aren't where it points.

    Args:
        part: as the recording has it. A file beside the recording counts if it has the
            same name and contents.
    """
    saved, uris = part.saved, part.place.uris
    if saved is None or len(saved.fingerprints) < len(uris):
        return part
    found = [*uris]
    for number, uri in enumerate(uris):
        if protocol_of(uri) or os.path.exists(uri):
            continue
        beside = os.path.join(os.path.dirname(saved.recording), file_name(uri))
        if is_saved_file(beside, saved.fingerprints[number]):
            found[number] = beside
    moved = [number for number, uri in enumerate(uris) if found[number] != uri]
    if not moved:
        return part
    what = f"{uris[moved[0]]!r}" + (f" and {len(moved) - 1} more" if moved[1:] else "")
    warn_user(
        f"{what}, to which the recording {shown_uri(saved.recording)!r} points, is not "
        f"there. {found[moved[0]]!r} is read in its place: it has the same contents. To "
        f"make the recording point to it, run: temporaldata-video relink "
        f"{shown_uri(saved.recording)}",
        IndexWarning,
    )
    return move_part(part, found)
