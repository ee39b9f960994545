r"""Lets a program that imports a host alone read videos; ``enable`` copies this file.

A Python whose environment has the copy imports it at each start. So it imports nothing
itself, of this package least of all, until a recording with a video is loaded. The copy
stays when the package is uninstalled, and does no harm then.
"""

import sys

TYPE_CHECKING = False  # what is imported here costs each start
if TYPE_CHECKING:
    from typing import Any

# The modules of both hosts that define ``Data``.
_HOSTS = ("temporaldata.data", "torch_brain.data.data")


def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> "Any":
    r"""Makes this module a finder: others find a host, which is taught when it has run."""
    if name not in _HOSTS:
        return None
    others = [finder for finder in sys.meta_path if finder is not sys.modules[__name__]]
    specs = (finder.find_spec(name, path, target) for finder in others)
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is not None and spec.loader is not None:
        run = spec.loader.exec_module

        def exec_module(module: "Any") -> None:
            run(module)
            if hasattr(module, "Data"):
                _teach(module.Data)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec


def _teach(data_class: "Any") -> None:
    # Data.from_hdf5 imports the package when it meets a video, and lets it go on.
    import functools

    original = data_class.__dict__["from_hdf5"].__func__

    @functools.wraps(original)
    def from_hdf5(cls: "Any", file: "Any", *args: "Any", **kwargs: "Any") -> "Any":
        if "temporaldata_video" not in sys.modules:
            names = [name for name, group in file.items() if _has_backend(group)]
            if names and _import_package(file, names):
                return cls.from_hdf5(file, *args, **kwargs)
        return original(cls, file, *args, **kwargs)

    data_class.from_hdf5 = classmethod(from_hdf5)


def _has_backend(group: "Any") -> bool:
    # The attributes of a nested Data belong to its user.
    name, kind = group.attrs.get("backend"), group.attrs.get("object")
    return isinstance(name, str) and kind not in (None, "Data")


def _import_package(file: "Any", names: list[str]) -> bool:
    import importlib

    try:
        importlib.import_module("temporaldata_video")  # which teaches the host all else
    except ImportError as error:
        import warnings

        warnings.warn(
            f"{', '.join(names)} of {file.file.filename!r} cannot be read, since "
            f"temporaldata_video cannot be imported ({error}). Install temporaldata-video, "
            f"or delete {__file__!r} and the .pth file beside it.",
            stacklevel=4,
        )
        return False
    return True
