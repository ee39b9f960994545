r"""Finds sidecars, and makes them readable for Lance.

Lance reads and writes paths of this machine. To read a sidecar on a store, this module
copies it, which is faster, too: Lance makes a dozen requests one after the other to open it
and to read a window's rows. A copy takes three: the list, the manifest and the rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .._base.uris import is_local, protocol_of
from .._bytes.copies import local_folder, own_folder
from .._bytes.remote import FsspecStore
from ..errors import (
    BackendError,
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
# The names that Lance writes; other names may lead out of a folder.
_FILE = re.compile(r"(_versions|_transactions|data|_deletions)/[\w-][\w.-]*")
# Recent manifests are named this number minus the version, so that the newest comes first.
_LARGEST_VERSION = 2**64 - 1


@dataclass(frozen=True)
class OpenedDataset:
    r"""How Lance reached a dataset that a user opened.

    Args:
        uri: as Lance has it.
        options: Lance's storage options.
    """

    uri: str
    options: Options = field(default=(), repr=False)


@dataclass(frozen=True)
class Place:
    r"""A version of a sidecar, found.

    It holds no handle, so that other processes and other machines can use it.

    Args:
        uri: where the sidecar lies.
        store: reads it if it is remote; by default, fsspec with options from environment
            variables. Of a dataset that a user opened, how Lance reached it.
        files: its files, by name below the uri, if Lance reads a copy of it; the manifest
            first.
    """

    uri: str
    store: ObjectStore | OpenedDataset | None = field(default=None, repr=False)
    files: tuple[tuple[str, ObjectMeta], ...] = field(default=(), repr=False)

    @property
    def is_copied(self) -> bool:
        r"""Whether Lance reads a copy."""
        return bool(self.files)

    @property
    def is_on_disk(self) -> bool:
        r"""Whether Lance reads a folder of this machine, which is named by the uri."""
        return is_local(self.uri) and not isinstance(self.store, OpenedDataset)

    @property
    def without_secrets(self) -> Place:
        r"""The same without a store, and without options of Lance."""
        opened = self.store if isinstance(self.store, OpenedDataset) else None
        return replace(self, store=opened and replace(opened, options=()))

    def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        r"""Calls a function of Lance on this place, and returns its result.

        Args:
            function: of :mod:`~temporaldata_video._sidecar.lance_access`, which takes uri
                and storage options first.
            *arguments: its other arguments.

        Raises:
            LanceError: if Lance cannot do it.
            StaleIndexError: if it must be copied, and is no longer there.
            CacheError: if it cannot be copied.
        """
        if not self.is_copied:
            return function(*self._connection(), *arguments)
        try:
            return function(self._copy(local_folder), (), *arguments)
        except LanceError:
            # Others may have deleted the copy meanwhile, to make room for theirs.
            return function(self._copy(own_folder), (), *arguments)

    def _connection(self) -> tuple[str, Options]:
        # Local paths are read in place. Stores that cannot list folders say by
        # `lance_connection` how Lance reaches their objects, and this package trusts them.
        if isinstance(self.store, OpenedDataset):
            return self.store.uri, self.store.options
        if is_local(self.uri):
            return self.uri, ()
        connection = getattr(self.store, "lance_connection", None)
        if connection is None:
            raise FrameIndexError(
                f"the index {self.uri!r} has lost its store, as it does when it is "
                f"pickled; give it the store again: index.with_store(store)."
            )
        base, options = connection()
        name = self.uri.rpartition("://")[2]
        joint = "/" if base and not base.endswith("/") else ""
        return f"{base}{joint}{name}", tuple(sorted(options.items()))

    def _copy(self, make: Callable[..., str]) -> str:
        assert not isinstance(self.store, OpenedDataset)
        try:
            return make(store_at(self.uri, self.store), self.uri, self.files)
        except (SourceNotFoundError, SourceChangedError) as error:
            raise StaleIndexError(
                f"the index {self.uri!r} was written anew since it was opened; open the "
                f"video again."
            ) from error
        except SourceError as error:
            raise _unreadable(self.uri, error) from error


def store_at(uri: str, store: ObjectStore | None) -> ObjectStore:
    r"""Returns the store of a remote sidecar.

    Args:
        uri: where it lies.
        store: the user's; by default, fsspec with options from environment variables.
    """
    return store or FsspecStore(protocol_of(uri))


def folders_at(uri: str, store: ObjectStore | None) -> FolderStore:
    r"""Returns the store of a remote sidecar, which must know folders.

    Args:
        uri: where it lies.
        store: the user's, if there is one.

    Raises:
        BackendError: if it does not.
    """
    found = store_at(uri, store)
    if isinstance(found, FolderStore):
        return found
    raise BackendError(
        f"no index can lie at {uri!r}: its store, a {type(found).__name__}, lacks "
        f"list_objects, create_object or delete_object. Pass index_uri=..., a "
        f"local path for instance."
    )


def open_place(uri: str, store: ObjectStore | None) -> tuple[Place, Description]:
    r"""Finds the newest version of a sidecar.

    Args:
        uri: where it lies.
        store: reads it where it is remote.

    Raises:
        IndexNotFoundError: if there is none.
        IndexFormatError: if it is damaged.
        FrameIndexError: if it cannot be read.
        BackendError: if the store does not know folders.
        CacheError: if it cannot be copied.
    """
    if is_local(uri) or _is_of_before(store):
        place = Place(uri, store)
        return place, describe_place(place)
    try:
        return _open_copy(uri, folders_at(uri, store))
    except StaleIndexError:  # it was written anew between the listing and the reading
        return _open_copy(uri, folders_at(uri, store))


def _is_of_before(store: ObjectStore | None) -> bool:
    return not isinstance(store, FolderStore) and hasattr(store, "lance_connection")


def _open_copy(uri: str, store: FolderStore) -> tuple[Place, Description]:
    files = list_sidecar(uri, store)
    manifests = _manifests(files)
    if not manifests:
        raise _not_found(uri)
    newest = manifests[max(manifests)]
    if not files[newest].etag:
        raise FrameIndexError(
            f"the index at {uri!r} cannot be read: its store has no etags, so that nobody "
            f"could tell its versions apart. Pass index_uri=..., a local path for instance."
        )
    description = describe_place(Place(uri, store, ((newest, files[newest]),)))
    names = [newest, *description.files]
    if missing := sorted(set(names) - set(files)):
        raise IndexFormatError(
            f"the index at {uri!r} is damaged: its file {missing[0]!r} is missing. Index "
            f"the video again with overwrite=True."
        )
    return Place(uri, store, tuple((name, files[name]) for name in names)), description


def list_sidecar(uri: str, store: FolderStore) -> dict[str, ObjectMeta]:
    r"""Returns size and etag of all files below the uri of a sidecar on a store, by name;
    they may belong to any version of it, or to none.

    Args:
        uri: where it lies.
        store: lists it.

    Raises:
        FrameIndexError: if it cannot be listed.
        SourceNotFoundError: if there is no such bucket.
    """
    try:
        found = store.list_objects(uri)
    except SourceNotFoundError:  # the video is not there either
        raise
    except SourceError as error:
        raise _unreadable(uri, error) from error
    return {name: meta for name, meta in found.items() if _FILE.fullmatch(name)}


def _manifests(files: Mapping[str, ObjectMeta]) -> dict[int, str]:
    found = {}
    for name in files:
        if match := _MANIFEST.fullmatch(name):
            number = int(match[1])
            reverse = len(match[1]) == len(str(_LARGEST_VERSION))
            found[_LARGEST_VERSION - number if reverse else number] = name
    return found


def describe_place(place: Place, version: int | None = None) -> Description:
    r"""Returns the facts about the dataset at a place.

    Args:
        place: where it lies.
        version: which version; the newest by default.

    Raises:
        IndexNotFoundError: if there is none.
        IndexFormatError: if it is damaged.
        FrameIndexError: if Lance cannot reach it.
    """
    is_reached_by_lance = not place.is_on_disk and not place.is_copied
    if place.is_on_disk and not index_exists(place.uri):
        raise _not_found(place.uri)
    try:
        return place.ask(describe, version)
    except LanceError as error:
        missing = "not found" in str(error).lower()
        if missing and (is_reached_by_lance or version is not None):
            raise _not_found(place.uri) from error
        if is_reached_by_lance:
            raise FrameIndexError(
                f"Lance cannot open the index at {place.uri!r} by the lance_connection of "
                f"its store ({first_line(error)}). Check what that returns; if the index "
                f"is damaged, index the video again with overwrite=True."
            ) from error
        raise IndexFormatError(
            f"the index at {place.uri!r} is damaged ({first_line(error)}). Index the video "
            f"again with overwrite=True."
        ) from error


def index_exists(uri: str, store: ObjectStore | None = None) -> bool:
    r"""Returns whether a sidecar was ever committed at a place.

    Files that a killed writer leaves behind are no sidecar. A damaged or forbidden sidecar
    counts as one, so that nobody takes it for missing.

    Args:
        uri: where it would lie.
        store: reads it where it is remote.
    """
    if not is_local(uri):
        return bool(_manifests(list_sidecar(uri, folders_at(uri, store))))
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
