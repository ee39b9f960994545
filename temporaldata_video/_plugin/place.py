r"""Says where a video is: its files, the store that reads them, and its index."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._base.numbered_files import find_files, in_order
from .._base.uris import (
    frame_index_uri,
    is_local,
    normalize_uri,
    one_or_several,
    protocol_of,
)
from .._clock.tool_folder import clock_of_folder
from .._sidecar.sidecar import LanceFrameIndex
from ..types import FrameIndex, ObjectStore
from .manager import resolve_index, resolve_store


@dataclass(frozen=True, eq=False)
class VideoPlace:
    r"""Where a video is.

    Args:
        uris: its files in order; the first one names the video.
        store: reads the files; without it, the first uri says which store, at each use.
        index_uri: where its index lies, if not beside the video.
        folder: the folder that the user named in place of its files.
    """

    uris: tuple[str, ...]
    store: ObjectStore | None = field(default=None, repr=False)
    index_uri: str | None = None
    folder: str = ""

    @property
    def uri(self) -> str:
        r"""The video, or its first file."""
        return self.uris[0]

    @property
    def reader(self) -> ObjectStore:
        r"""The store that reads the files."""
        return self.store or resolve_store(self.uri)

    @property
    def sidecar_uri(self) -> str:
        r"""Where its sidecar lies, or would lie."""
        return self.index_uri or frame_index_uri(self.uri)

    @property
    def kept_clock(self) -> Any:
        r"""The times that a tool keeps in the folder of its videos, as ``timestamps`` of
        :func:`~temporaldata_video.write_index`; :obj:`None` if there are none."""
        return clock_of_folder(self.folder, self.uris) if self.folder else None

    def store_of(self, index_uri: str) -> ObjectStore:
        r"""Returns the store of an index, which may lie elsewhere than its video.

        Args:
            index_uri: the index. The store of the video reads it if both have the same
                protocol; for another protocol, the options come from the environment.
        """
        kind = protocol_of(index_uri), is_local(index_uri)
        same = kind == (protocol_of(self.uri), is_local(self.uri))
        return self.reader if same else resolve_store(index_uri)

    def find_index(self) -> FrameIndex | None:
        r"""Returns the index of the video, :obj:`None` if there is none anywhere.

        Raises:
            IndexNotFoundError: if there is none at ``index_uri``.
            FrameIndexError: if it is damaged.
        """
        if self.index_uri is None:
            return resolve_index(self.uri, self.reader)
        return LanceFrameIndex.open(self.index_uri, self.store_of(self.index_uri))


# What names a video: its file, its first one, or all of them.
Uris = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def locate(
    uri: Uris,
    further_uris: Uris = (),
    *,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
) -> VideoPlace:
    r"""Returns where a video is, from the arguments of a user.

    Args:
        uri: the video, or its first file. Also all of its files; or a folder of them, or
            a path in whose last part ``*`` and ``?`` stand for other characters.
        further_uris: its further files.
        store: reads the files; found by the first uri by default.
        storage_options: credentials and the like, if ``store`` is not passed.
        index_uri: where the index lies, if not beside the video.

    Raises:
        SourceError: if a folder or a pattern leads to no video, or to several.
    """
    first: list[Any] = [*uri] if isinstance(uri, (list, tuple)) else [uri]
    named = (*first, *one_or_several(further_uris))
    given = [normalize_uri(one, store) for one in named]
    if not given:
        raise ValueError("uri is empty; give the files of the video.")
    found = find_files(given[0]) if len(given) == 1 else None
    uris = in_order(given) if found is None else found
    # An index has a key if its video has one.
    is_key = not (protocol_of(uris[0]) or is_local(uris[0]))
    return VideoPlace(
        uris,
        store or resolve_store(uris[0], storage_options),
        normalize_uri(index_uri, store if is_key else None) if index_uri else None,
        given[0] if found and os.path.isdir(given[0]) else "",
    )
