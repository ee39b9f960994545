r"""Where a sidecar lies, and how Lance gets at it.

Lance makes a dozen requests one after the other to open a sidecar on an object store and to
read a window's rows. A sidecar has some 20 bytes a frame, so that it is quicker to copy it:
one request lists it, one reads the manifest, one the rows. Lance then reads the copy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from .._base.uris import protocol_of
from ..errors import (
    CacheError,
    FrameIndexError,
    IndexFormatError,
    IndexNotFoundError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    StaleIndexError,
)
from ..types import FolderStore, ObjectMeta, ObjectStore
from .lance_access import Description, LanceError, Options, describe

T = TypeVar("T")

_MANIFEST = re.compile(r"_versions/(\d+)\.manifest")
_COPIED = re.compile(r"(_versions|data|_deletions)/[\w-][\w.-]*")
# Of recent manifests the name is this minus the version, so that the newest comes first.
_LARGEST_VERSION = 2**64 - 1
# What is larger is no sidecar of a video, and better read in place.
_LARGEST_COPY_BYTES = 1 << 30


@dataclass(frozen=True)
class Place:
    r"""A version of a sidecar, found.

    It holds no handle, and is good for other processes and other machines.

    Args:
        uri: where the sidecar lies.
        store: reads it where it is remote.
        files: what it consists of, by name below the uri, if Lance reads a copy of it; the
            manifest first.
    """

    uri: str
    store: ObjectStore | None = field(default=None, repr=False)
    files: tuple[tuple[str, ObjectMeta], ...] = field(default=(), repr=False)

    @property
    def is_copied(self) -> bool:
        r"""Whether Lance reads a copy, for which somebody must be there to make it."""
        return bool(self.files) and self.store is not None

    def address(self) -> tuple[str, Options]:
        r"""Returns uri and storage options with which Lance opens it.

        Raises:
            StaleIndexError: if it must be copied, and is not there any more.
            CacheError: if it cannot be copied.
        """
        if not self.is_copied:
            return lance_address(self.uri, self.store)
        try:
            return cast("FolderStore", self.store).local_folder(self.uri, self.files), ()
        except (SourceNotFoundError, SourceChangedError) as error:
            raise StaleIndexError(
                f"the index {self.uri!r} was written anew since it was opened; open the "
                f"video again."
            ) from error
        except SourceError as error:
            raise _unreadable(self.uri, error) from error

    def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        r"""Returns what Lance answers, asked of this place.

        Args:
            function: of :mod:`~temporaldata_video._index.lance_access`, which takes uri and
                storage options first.
            *arguments: what it takes besides.

        Raises:
            LanceError: if Lance cannot do it.
            StaleIndexError: if it must be copied, and is not there any more.
            CacheError: if it cannot be copied.
        """
        try:
            return function(*self.address(), *arguments)
        except LanceError:
            if not self.is_copied:
                raise
        # The copy may have been deleted meanwhile, to make room for others.
        return function(*self.address(), *arguments)


def lance_address(uri: str, store: ObjectStore | None) -> tuple[str, Options]:
    r"""Returns uri and storage options with which Lance itself reaches a place.

    Args:
        uri: a path or uri.
        store: knows the way, if it is remote.

    Raises:
        BackendError: if there is none.
    """
    if not protocol_of(uri) or store is None:
        return uri, ()
    base, options = store.lance_connection()
    return base + uri.partition("://")[2], tuple(sorted(options.items()))


def open_place(uri: str, store: ObjectStore | None) -> tuple[Place, Description]:
    r"""Finds the newest version of a sidecar.

    Args:
        uri: where it lies.
        store: reads it where it is remote.

    Raises:
        IndexNotFoundError: if there is none.
        IndexFormatError: if it is damaged.
        FrameIndexError: if it cannot be read.
    """
    if protocol_of(uri) and isinstance(store, FolderStore):
        for _ in range(2):  # it may be written anew between the listing and the reading
            try:
                return _open_copy(uri, store)
            except StaleIndexError:
                continue
            except CacheError:
                break
    place = Place(uri, store)
    return place, describe_place(place)


def _open_copy(uri: str, store: FolderStore) -> tuple[Place, Description]:
    files = _list_files(uri, store)
    manifests = _manifests(files)
    if not manifests:
        raise _not_found(uri)
    newest = manifests[max(manifests)]
    place = Place(uri, store, ((newest, files[newest]),))
    description = describe_place(place)
    names = [newest, *description.files]
    known = [(name, files[name]) for name in names if name in files]
    if missing := sorted(set(names) - set(files)):
        raise IndexFormatError(
            f"the index at {uri!r} is damaged: its file {missing[0]!r} is missing. Index "
            f"the video again with --overwrite."
        )
    total = sum(meta.size for _, meta in known)
    if total > _LARGEST_COPY_BYTES or not all(map(_COPIED.fullmatch, names)):
        raise CacheError(f"{uri!r} is not copied")
    return Place(uri, store, tuple(known)), description


def _list_files(uri: str, store: FolderStore) -> Mapping[str, ObjectMeta]:
    try:
        return store.list_objects(uri)
    except SourceNotFoundError as error:
        raise _not_found(uri) from error
    except SourceError as error:
        raise _unreadable(uri, error) from error


def _manifests(files: Mapping[str, ObjectMeta]) -> dict[int, str]:
    found = {}
    for name in files:
        if match := _MANIFEST.fullmatch(name):
            number = int(match[1])
            reverse = len(match[1]) == len(str(_LARGEST_VERSION))
            found[_LARGEST_VERSION - number if reverse else number] = name
    return found


def describe_place(place: Place, version: int | None = None) -> Description:
    r"""Returns what the dataset at a place says of itself.

    Args:
        place: where it lies.
        version: which version; the newest by default.

    Raises:
        IndexNotFoundError: if there is none.
        IndexFormatError: if it is damaged.
        FrameIndexError: if Lance does not get there.
    """
    if not protocol_of(place.uri) and not index_exists(place.uri):
        raise _not_found(place.uri)
    try:
        return place.ask(describe, version)
    except LanceError as error:
        missing = "not found" in str(error).lower()
        if missing and (protocol_of(place.uri) or version is not None):
            raise _not_found(place.uri) from error
        if protocol_of(place.uri) and not place.is_copied:
            raise FrameIndexError(
                f"Lance cannot open the index at {place.uri!r} ({first_line(error)}). "
                f"Without a store it takes credentials from the environment variables of "
                f"the service; if the index is damaged, index again with --overwrite."
            ) from error
        raise IndexFormatError(
            f"the index at {place.uri!r} is damaged ({first_line(error)}). Index the video "
            f"again with --overwrite."
        ) from error


def index_exists(uri: str, store: ObjectStore | None = None) -> bool:
    r"""Returns whether a sidecar was ever committed at a place.

    What a killed writer leaves behind is none. A sidecar that exists and is damaged or
    forbidden is one, so that nobody takes it for missing.

    Args:
        uri: where it would lie.
        store: reads it where it is remote.
    """
    if protocol_of(uri):
        if isinstance(store, FolderStore):
            return bool(_manifests(_list_files(uri, store)))
        try:
            describe_place(Place(uri, store))
        except IndexNotFoundError:
            return False
        return True
    try:
        names = os.listdir(os.path.join(uri, "_versions"))
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise IndexFormatError(
            f"{uri!r} is a file where an index should be; move it away, or pass index_uri."
        ) from error
    except OSError as error:
        raise FrameIndexError(
            f"cannot read the index {uri!r}: {error.strerror}."
        ) from error
    return any(name.endswith(".manifest") for name in names)


def first_line(error: BaseException) -> str:
    r"""Returns the beginning of a message of Lance, which may go on for pages."""
    return str(error).split("\n")[0][:200]


def _not_found(uri: str) -> IndexNotFoundError:
    return IndexNotFoundError(
        f"there is no frame index at {uri!r}. Make one with: temporaldata-video index FILE"
    )


def _unreadable(uri: str, error: SourceError) -> FrameIndexError:
    return FrameIndexError(f"cannot read the index {uri!r}: {error}")
