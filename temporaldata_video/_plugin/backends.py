r"""A registry of backends, which open parts of recordings that are no arrays in the file.

It knows nothing of video, so that temporaldata could adopt it as it stands. Third parties
declare a :class:`Backend` in the entry-point group ``temporaldata.backends``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ..errors import UnknownBackendError

ENTRY_POINT_GROUP = "temporaldata.backends"

_BACKENDS: dict[str, Backend] = {}
# The registries of hosts that have one; each gets every backend.
_REGISTRIES: list[Callable[[Any], object]] = []
# Functions that register more backends, called before a name is looked up.
_BEFORE_LOOKUP: list[Callable[[], None]] = []


@dataclass(frozen=True)
class Backend:
    r"""A way to open data that lies outside of the HDF5 file of a recording.

    Args:
        name: what the attribute ``backend`` of an HDF5 group says.
        open: called with a uri and keyword arguments of its own, returns the object.
        read_hdf5: called with an ``h5py.Group`` and the keyword arguments ``data_class``
            (the ``Data`` class that reads the file) and ``lazy``, returns the object.
    """

    name: str
    open: Callable[..., Any]
    read_hdf5: Callable[..., Any]


def register_backend(backend: Backend) -> Backend:
    r"""Makes a backend known by its name, and returns it.

    Args:
        backend: a :class:`Backend`, or an object with the same attributes, such as one of
            a host's class of that name. Registering it again changes nothing.

    Raises:
        TypeError: if it is no backend.
        ValueError: if another backend has that name.
    """
    if not all(hasattr(backend, field.name) for field in fields(Backend)):
        raise TypeError(f"backend must be a Backend, got {type(backend).__name__}.")
    registered = _BACKENDS.setdefault(backend.name, backend)
    if registered != backend:
        raise ValueError(
            f"a backend named {backend.name!r} is registered already; choose another name."
        )
    for register in _REGISTRIES:
        register(registered)
    return registered


def add_registry(register: Callable[[Any], object]) -> None:
    r"""Adds another registry, which gets all backends, now and later.

    Args:
        register: its function that takes a backend.
    """
    for backend in _BACKENDS.values():
        register(backend)
    _REGISTRIES.append(register)


def before_lookup(register_more: Callable[[], None]) -> None:
    r"""Adds a function that is called before any backend is looked up.

    Args:
        register_more: registers backends that could not be registered earlier.
    """
    _BEFORE_LOOKUP.append(register_more)


def get_backend(name: str) -> Backend:
    r"""Returns the backend of a name.

    Args:
        name: as registered.

    Raises:
        UnknownBackendError: if there is none.
    """
    for register_more in _BEFORE_LOOKUP:
        register_more()
    try:
        return _BACKENDS[name]
    except KeyError:
        raise UnknownBackendError(
            f"there is no backend named {name!r}; there are "
            f"{', '.join(sorted(_BACKENDS))}. Install the package that provides it."
        ) from None


def open_backend(name: str, uri: Any, **options: Any) -> Any:
    r"""Opens a uri with the backend of a name.

    Args:
        name: as registered.
        uri: what to open.
        **options: passed on.
    """
    return get_backend(name).open(uri, **options)
