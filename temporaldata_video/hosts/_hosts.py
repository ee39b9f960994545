r"""What the lazy videos of all hosts share, and how each host is taught of its own."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from .._plugin.backends import Backend
from .._video.series import VideoSeries
from ._hdf5 import connect_to_backends
from ._pointer import BACKEND_NAME, read_pointer, write_pointer

if TYPE_CHECKING:
    from typing import Self


V = TypeVar("V", bound=VideoSeries)


class HostedVideo(VideoSeries):
    r"""A lazy video that knows the files and the other videos of its host."""

    def to_hdf5(self, file: Any) -> None:
        r"""Saves timestamps, frame numbers and a pointer to the video, never pixels.

        Args:
            file: an ``h5py.Group``.
        """
        write_pointer(self, file)

    @classmethod
    def from_hdf5(cls, file: Any, lazy: bool = True) -> Self:
        r"""Returns the video that a group points to.

        Args:
            file: an ``h5py.Group``, written by :meth:`to_hdf5`.
            lazy: leave the timestamps in the file until they are needed.
        """
        return cast("Self", read_pointer(cls, file, lazy))

    @classmethod
    def from_video(cls, video: VideoSeries) -> Self:
        r"""Returns a video of another host, or a window of one, as a video of this host.

        Args:
            video: of any host. Nothing is decoded or read; frames that were decoded
                already are copied.

        Raises:
            TypeError: if it is no lazy video.
        """
        if not isinstance(video, VideoSeries):
            raise TypeError(f"video must be a LazyVideo, got {type(video).__name__}.")
        out = cls.__new__(cls)
        own = ("_domain", "_metadata")
        state = {k: v for k, v in video.__dict__.items() if k not in own}
        out.__dict__.update(copy.deepcopy(state), _metadata=video.metadata)
        if "_domain" in video.__dict__:  # it is worked out when needed, otherwise
            domain = video.domain
            out._domain = cls._interval_class(domain.start.copy(), domain.end.copy())
        return out


@dataclass(frozen=True)
class Host:
    r"""A package with series classes of its own.

    Args:
        name: how its users import it.
        data: its ``Data``.
        values: the class that all of its series descend from.
        concat: its function of that name.
        video: its lazy video.
    """

    name: str
    data: type
    values: type
    concat: Callable[..., Any]
    video: type[HostedVideo]


_HOSTS: list[Host] = []


def add_host(host: Host) -> None:
    r"""Teaches a host's ``Data`` to load the host's videos, and to refuse those of others.

    Args:
        host: the package.
    """
    _HOSTS.append(host)
    connect_to_backends(host.data)
    # Where there is one host alone, there are no videos of another, and nothing to patch.
    for known in _HOSTS if len(_HOSTS) == 2 else _HOSTS[2:]:
        _refuse_other_videos(known)


def _refuse_other_videos(host: Host) -> None:
    # Data.slice goes by the classes of its own host, and would hand on a video of another
    # whole, without a word.
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
    r"""Concatenates videos, or whatever else their host can concatenate.

    Args:
        objs: all lazy videos, or none of them.
        sort: put the result in time order.

    Raises:
        ValueError: if they are of different types, or do not belong together.
    """
    objs = list(objs)
    if objs and all(isinstance(obj, VideoSeries) for obj in objs):
        return type(objs[0]).concat(objs, sort)
    hosts = (h for h in _HOSTS if any(isinstance(obj, h.values) for obj in objs))
    return next(hosts, _HOSTS[0]).concat(objs, sort)


def _open(uri: Any, **options: Any) -> VideoSeries:
    return _HOSTS[0].video.from_uri(uri, **options)


def _read_hdf5(group: Any, *, data_class: type, lazy: bool = True) -> HostedVideo:
    (host,) = (h for h in _HOSTS if issubclass(data_class, h.data))
    return host.video.from_hdf5(group, lazy)


MP4_INDEX = Backend(name=BACKEND_NAME, open=_open, read_hdf5=_read_hdf5)
