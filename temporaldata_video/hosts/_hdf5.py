r"""Makes hosts open HDF5 groups that name a backend by that backend.

A host with a registry of backends gets ours registered there. For any other host, this
module wraps ``Data.from_hdf5``, which then asks our registry.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType
from typing import Any

from .._base.user_warnings import warn_user
from .._plugin.backends import add_registry, get_backend
from ..errors import PluginWarning, UnknownBackendError

BACKEND_ATTRIBUTE = "backend"


def connect_to_backends(data_class: type) -> None:
    r"""Registers our backends with a host, or wraps its ``Data.from_hdf5``, once.

    Args:
        data_class: the ``Data`` class of a host.
    """
    registry = registry_of(data_class)
    if registry is None:
        _dispatch_to_backends(data_class)
    else:
        add_registry(registry.register_backend)


def registry_of(data_class: type) -> ModuleType | None:
    r"""Returns the registry of backends of a host, or :obj:`None` if it has none.

    A registry is a module ``backends`` beside the module of ``Data`` that has a function
    ``register_backend``: ``temporaldata.backends``, ``torch_brain.data.backends``.

    Args:
        data_class: the ``Data`` class of the host.
    """
    name = f"{data_class.__module__.rpartition('.')[0]}.backends"
    if importlib.util.find_spec(name) is None:
        return None
    module = importlib.import_module(name)
    return module if hasattr(module, "register_backend") else None


def _dispatch_to_backends(data_class: type) -> None:
    original = data_class.__dict__["from_hdf5"].__func__
    if getattr(original, "dispatches_to_backends", False):
        return

    @functools.wraps(original)
    def from_hdf5(cls: type, file: Any, *args: Any, **kwargs: Any) -> Any:
        lazy = kwargs.get("lazy", args[0] if args else True)
        found = {}
        for key, group in file.items():
            name = group.attrs.get(BACKEND_ATTRIBUTE)
            # The attributes of a nested Data belong to its user.
            if not isinstance(name, str) or str(group.attrs.get("object")) == "Data":
                continue
            try:
                backend = get_backend(name)
            except UnknownBackendError as error:
                warn_user(
                    f"{group.name!r} of {file.file.filename!r} is read as a plain series: "
                    f"{error}",
                    PluginWarning,
                )
                continue
            found[key] = backend.read_hdf5(group, data_class=data_class, lazy=lazy)
        # Last, since the errors of backends say more than those of a host that reads a
        # damaged group as a plain series.
        data = original(cls, file, *args, **kwargs)
        for key, series in found.items():
            setattr(data, key, series)
        return data

    from_hdf5.dispatches_to_backends = True  # type: ignore[attr-defined]
    data_class.from_hdf5 = classmethod(from_hdf5)  # type: ignore[attr-defined]
