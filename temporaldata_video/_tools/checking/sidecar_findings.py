r"""Checks the index of a video: is there one, and is it of these files?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..._base.uris import followed
from ..._bytes.fingerprint import matches
from ..._index.packets import SegmentIndex, segments_of
from ..._plugin.place import VideoPlace
from ..._video.part import VideoPart
from ...errors import FrameIndexError, IndexNotFoundError, StaleIndexError
from ...types import FrameIndex, ObjectStore, PacketIndex
from .finding import Finding, Severity, command, counted


def open_sidecar(name: str, place: VideoPlace) -> tuple[FrameIndex | None, list[Finding]]:
    r"""Returns the index of a video if there is one that can be read.

    Args:
        name: the video as a user would type it.
        place: where the video and its index are.
    """
    uri = place.uri
    try:
        found = place.find_index()
        if found is None:
            return None, [_missing(name, uri)]
        found.timestamps()  # rows may be damaged where the header is not
        return found, []
    except IndexNotFoundError:
        return None, [_missing(name, uri)]
    except FrameIndexError as error:
        return None, [_unreadable(name, uri, error)]


def _missing(name: str, uri: str) -> Finding:
    return Finding(
        Severity.WARNING,
        "index-missing",
        "there is no index beside the video",
        "It is indexed anew in memory whenever it is opened, and its frames are at the "
        "container's times, not at those of your recording.",
        f"{command('index', name)} --timestamps TIMES (leave --timestamps out if the "
        f"container's clock will do)",
        uri,
    )


def _unreadable(name: str, uri: str, error: FrameIndexError) -> Finding:
    return Finding(
        Severity.ERROR,
        "index-damaged",
        f"the index cannot be read: {error}",
        "The video cannot be opened with it.",
        f"{command('index', '--overwrite', name)} --timestamps TIMES",
        uri,
    )


def segment_files(index: FrameIndex, uri: str, store: ObjectStore) -> list[str]:
    r"""Returns the files that an index is of, each once.

    Args:
        index: the index.
        uri: the video, or its first file.
        store: reads them.
    """
    if isinstance(index, PacketIndex) and index.uris:
        return list(dict.fromkeys([uri, *followed(index.uris[1:], uri)]))
    return list(dict.fromkeys(VideoPart(VideoPlace((uri,), store), index).segment_uris))


def check_fit(
    index: FrameIndex, name: str, uri: str, store: ObjectStore
) -> Iterator[Finding]:
    r"""Finds where an index does not belong to the files that are there now.

    Args:
        index: the index.
        name: the video as a user would type it.
        uri: the video, or its first file.
        store: reads the files.
    """
    if segments_of(index):
        yield from _changed_files(index, name, uri, store)
        return
    yield Finding(
        Severity.WARNING,
        "index-without-positions",
        "the index does not say where the packets of frames lie",
        "The video is scanned once in every process that reads it.",
        f"{command('index', '--overwrite', name)} --timestamps TIMES",
        uri,
    )
    try:
        _ = VideoPart(VideoPlace((uri,), store), index).files
    except StaleIndexError as error:
        yield _stale(str(error).split(". ")[0], name, uri)


def _changed_files(
    index: FrameIndex, name: str, uri: str, store: ObjectStore
) -> Iterator[Finding]:
    for file, segment in zip(segment_files(index, uri, store), segments_of(index)):
        indexed, meta = segment.fingerprint, store.head(file)
        if indexed is None or matches(store, file, indexed, meta):
            continue
        change = (
            f"has {meta.size:,} bytes where the index says {indexed.size:,}"
            if meta.size != indexed.size
            else "has other contents than the file that was indexed"
        )
        yield _stale(f"{file} {change}", name, file)


def _stale(what: str, name: str, uri: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "index-stale",
        what,
        "The index is of another file, and this package refuses to read by it.",
        f"put the indexed file back, or {command('index', '--overwrite', name)} "
        f"--timestamps TIMES, with the clock of the new one",
        uri,
    )


def check_frame_count(
    index: FrameIndex, frames: int, name: str, uri: str
) -> Iterator[Finding]:
    r"""Finds whether an index has as many frames as the files have.

    Args:
        index: the index.
        frames: number of frames in the files.
        name: the video as a user would type it.
        uri: the video, or its first file.
    """
    indexed = int(index.segment_frame_counts().sum())
    if indexed != frames:
        yield Finding(
            Severity.ERROR,
            "count-mismatch",
            f"the index has {counted(indexed, 'frame')} and the video {frames:,}",
            "Which frame a time belongs to is a guess.",
            f"{command('index', '--overwrite', name)} --timestamps TIMES",
            uri,
        )


def check_positions(
    index: FrameIndex, files: Sequence[SegmentIndex], name: str, uri: str
) -> Iterator[Finding]:
    r"""Finds whether an index has the packets that the files have.

    Args:
        index: the index.
        files: the files, indexed anew.
        name: the video as a user would type it.
        uri: the video, or its first file.
    """
    verified = isinstance(index, PacketIndex) and index.verified
    for segment, file in zip(segments_of(index), files):
        if len(segment) != len(file):
            continue
        stored, found = segment.rows(0, len(segment)), file.frames
        differs = np.zeros(len(file), bool)
        # A verified index has tried its key frames, so it knows better than the file.
        flags = () if verified else ("keyframe",)
        for column in ("pts", "pos", "size", *flags):
            differs |= getattr(stored, column) != getattr(found, column)
        if differs.any():
            n, first = int(np.count_nonzero(differs)), int(differs.argmax())
            yield Finding(
                Severity.ERROR,
                "index-differs",
                f"the index disagrees with the file about {counted(n, 'frame')}, the first "
                f"is {first}",
                "Reads decode other bytes than those of the frame.",
                f"{command('index', '--overwrite', name)} --timestamps TIMES",
                uri,
            )
