r"""Teaches a host's ``Data.from_hdf5`` one thing: a group that names a backend is opened
by that backend."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from ..errors import PluginWarning, UnknownBackendError
from ..plugin.backends import get_backend

BACKEND_ATTRIBUTE = "backend"


def dispatch_to_backends(data_class: type) -> None:
    r"""Wraps ``data_class.from_hdf5``, once.

    Args:
        data_class: the ``Data`` class of a host.
    """
    original = data_class.__dict__["from_hdf5"].__func__
    if getattr(original, "dispatches_to_backends", False):
        return

    @functools.wraps(original)
    def from_hdf5(cls: type, file: Any, *args: Any, **kwargs: Any) -> Any:
        data = original(cls, file, *args, **kwargs)
        lazy = kwargs.get("lazy", args[0] if args else True)
        for key, group in file.items():
            name = group.attrs.get(BACKEND_ATTRIBUTE)
            if name is None:
                continue
            try:
                backend = get_backend(name)
            except UnknownBackendError as error:
                warnings.warn(
                    f"{group.name!r} of {file.file.filename!r} is read as a plain series: "
                    f"{error}",
                    PluginWarning,
                    stacklevel=2,
                )
                continue
            setattr(data, key, backend.read_hdf5(group, data_class=data_class, lazy=lazy))
        return data

    from_hdf5.dispatches_to_backends = True  # type: ignore[attr-defined]
    data_class.from_hdf5 = classmethod(from_hdf5)  # type: ignore[attr-defined]
