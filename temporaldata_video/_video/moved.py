r"""Looks for a saved video that isn't where its recording points any more."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace

from .._base.uris import file_name, frame_index_uri, protocol_of, shown_uri
from .._bytes.fingerprint import matches
from .._plugin.manager import resolve_store
from .._plugin.place import VideoPlace
from ..errors import BackendError, IndexWarning, SourceError
from ..types import Fingerprint
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


def move_place(place: VideoPlace, uris: Sequence[str]) -> VideoPlace:
    r"""Returns a place with files elsewhere, and its index where that is now.

    Args:
        place: as the recording has it.
        uris: where its files are now.
    """
    index_uri = place.index_uri
    beside = frame_index_uri(uris[0])
    if index_uri is None and (uris[0] == place.uri or _is_here(beside)):
        return replace(place, uris=tuple(uris))
    # A video that moved alone has left its index behind, and one that was renamed has an
    # index of its old name.
    was = index_uri or frame_index_uri(place.uri)
    there = os.path.join(os.path.dirname(uris[0]), file_name(was))
    if protocol_of(was) or _is_here(was) or not _is_here(there):
        index_uri = was if index_uri or _is_here(was) else None
    else:
        index_uri = None if there == beside else there
    return replace(place, uris=tuple(uris), index_uri=index_uri)


def _is_here(uri: str) -> bool:
    return not protocol_of(uri) and os.path.exists(uri)


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
    warnings.warn(
        f"{what}, to which the recording {shown_uri(saved.recording)!r} points, is not "
        f"there. {found[moved[0]]!r} is read in its place: it has the same contents. To "
        f"make the recording point to it, run: temporaldata-video relink "
        f"{shown_uri(saved.recording)}",
        IndexWarning,
        stacklevel=6,
    )
    return replace(part, place=move_place(part.place, found))
