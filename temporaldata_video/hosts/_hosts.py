r"""The hosts of lazy videos, and how each learns to load its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from .._plugin.backends import Backend
from .._video.pointer import BACKEND_NAME
from .._video.series import VideoSeries
from ._hdf5 import connect_to_backends

V = TypeVar("V", bound=VideoSeries)


@dataclass(frozen=True)
class Host:
    r"""A package with series classes of its own.

    Args:
        name: the name by which users import it.
        data: its class ``Data``.
        values: the base class of all its series.
        concat: its function ``concat``.
        video: its class of lazy videos.
    """

    name: str
    data: type
    values: type
    concat: Callable[..., Any]
    video: type[VideoSeries]


_HOSTS: list[Host] = []


def add_host(host: Host) -> None:
    r"""Teaches a host's ``Data`` to load the host's videos, and to refuse those of others.

    Args:
        host: the package.
    """
    _HOSTS.append(host)
    connect_to_backends(host.data)
    # If there is only one host, there are no videos of another, and nothing to patch.
    for patched in _HOSTS if len(_HOSTS) == 2 else _HOSTS[2:]:
        _refuse_other_videos(patched)


def _refuse_other_videos(host: Host) -> None:
    # Data.slice knows only the classes of its own host. It would return a video of another
    # host whole, without an error.
    original: Callable[..., None] = host.data.__setattr__

    @functools.wraps(original)
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if isinstance(value, VideoSeries) and not isinstance(value, host.values):
            other = next(h.name for h in _HOSTS if isinstance(value, h.values))
            module = host.video.__module__
            raise TypeError(
                f"{name!r} is a LazyVideo for {other}, and this Data is of {host.name}, "
                f"which would not slice it. Convert it with {module}.LazyVideo.from_video, "
                f"or open it with {module}.LazyVideo.from_uri."
            )
        original(self, name, value)

    host.data.__setattr__ = __setattr__  # type: ignore[method-assign,assignment]


@overload
def concat(objs: Sequence[V], sort: bool = True) -> V: ...


@overload
def concat(objs: Sequence[Any], sort: bool = True) -> Any: ...


def concat(objs: Sequence[Any], sort: bool = True) -> Any:
    r"""Concatenates videos, or other objects that a host can concatenate.

    Args:
        objs: all lazy videos, or none of them.
        sort: put the result in time order.

    Raises:
        ValueError: if they are of different types, or do not belong together.
        TypeError: if they are a string.
    """
    if isinstance(objs, str):
        raise TypeError(f"concat needs videos, and not their names, got {objs!r}.")
    objs = list(objs)
    if objs and all(isinstance(obj, VideoSeries) for obj in objs):
        return type(objs[0]).concat(objs, sort)
    hosts = (h for h in _HOSTS if any(isinstance(obj, h.values) for obj in objs))
    return next(hosts, _HOSTS[0]).concat(objs, sort)


def _open(uri: Any, **options: Any) -> VideoSeries:
    return _HOSTS[0].video.from_uri(uri, **options)


def _read_hdf5(group: Any, *, data_class: type, lazy: bool = True) -> VideoSeries:
    (host,) = (h for h in _HOSTS if issubclass(data_class, h.data))
    return host.video.from_hdf5(group, lazy)


MP4_INDEX = Backend(name=BACKEND_NAME, open=_open, read_hdf5=_read_hdf5)
