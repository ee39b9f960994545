r"""Finds plugins and calls their hooks; nothing else touches the plugin manager."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from .._base.uris import normalize_uri
from .._base.user_warnings import warn_user
from ..errors import BackendError, PluginWarning
from ..types import ByteCache, FrameIndex, ObjectStore
from . import builtin, hookspecs
from .backends import ENTRY_POINT_GROUP, before_lookup, register_backend

# Plugins to load when they are first needed: this package is imported by a module that is
# not done itself, and any plugin may need that one.
_WAITING: list[tuple[EntryPoint, Callable[[str, Any], object]]] = []


@functools.cache
def plugin_manager() -> pluggy.PluginManager:
    r"""Returns the one plugin manager of this package."""
    manager = pluggy.PluginManager(hookspecs.PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="builtin")
    return manager


def discover_plugins() -> None:
    r"""Registers the hooks and backends that installed distributions declare.

    A plugin that cannot be loaded is left out with a
    :obj:`~temporaldata_video.errors.PluginWarning`.
    """
    groups = (
        (hookspecs.PROJECT_NAME, _register_hooks),
        (ENTRY_POINT_GROUP, lambda _, backend: register_backend(backend)),
    )
    for group, register in groups:
        _WAITING.extend((point, register) for point in entry_points(group=group))
    before_lookup(_load_waiting)
    if not _is_imported_by_another():
        _load_waiting()


def resolve_store(
    uri: str, storage_options: Mapping[str, Any] | None = None
) -> ObjectStore:
    r"""Returns the store that reads a uri.

    Args:
        uri: a path or uri.
        storage_options: credentials and the like, for the store alone.
    """
    hook = _hooks().resolve_store
    return _checked(hook(uri=uri, storage_options=storage_options or {}), ObjectStore)


def resolve_index(uri: str, store: ObjectStore) -> FrameIndex | None:
    r"""Returns the frame index of a video, or :obj:`None` if there is none anywhere.

    Args:
        uri: the video.
        store: reads it.
    """
    index = _hooks().resolve_index(uri=uri, store=store)
    return index if index is None else _checked(index, FrameIndex)


def resolve_cache(uri: str, store: ObjectStore) -> ByteCache | None:
    r"""Returns the cache before a store, or :obj:`None` where none is needed.

    Args:
        uri: the video.
        store: reads it.
    """
    cache = _hooks().resolve_cache(uri=uri, store=store)
    return cache if cache is None else _checked(cache, ByteCache)


def resolve_proxy(uri: str, name: str) -> str | None:
    r"""Returns where a proxy lies or would lie, :obj:`None` if there is no place for it.

    Args:
        uri: the file whose proxy it is.
        name: of the proxy.

    Raises:
        BackendError: if a plugin returns something else.
    """
    place = _hooks().resolve_proxy(uri=uri, name=name)
    if place is None:
        return None
    if not isinstance(place, (str, os.PathLike)):
        raise BackendError(
            f"a plugin returned {type(place).__name__} from resolve_proxy, which must "
            f"return the path or uri of a proxy, or None."
        )
    return normalize_uri(place)


def _hooks() -> Any:
    _load_waiting()
    return plugin_manager().hook


def _load_waiting() -> None:
    while _WAITING:
        _load(*_WAITING.pop(0))


def _is_imported_by_another() -> bool:
    unfinished = (
        name.partition(".")[0]
        for name, module in [*sys.modules.items()]
        if getattr(getattr(module, "__spec__", None), "_initializing", False)
    )
    return any(name != hookspecs.PROJECT_NAME for name in unfinished)


def _register_hooks(name: str, plugin: Any) -> None:
    manager = plugin_manager()
    if not manager.has_plugin(name):
        try:
            manager.register(plugin, name=name)
            manager.check_pending()
        except Exception:
            # A plugin that stayed half registered would make the next one fail.
            if manager.has_plugin(name):
                manager.unregister(name=name)
            raise


def _load(entry_point: EntryPoint, register: Callable[[str, Any], object]) -> None:
    try:
        register(entry_point.name, entry_point.load())
    except Exception as error:  # a broken plugin must not stop this package
        distribution = entry_point.dist.name if entry_point.dist else "unknown"
        warn_user(
            f"plugin {entry_point.name!r} of distribution {distribution!r} "
            f"({entry_point.value}) cannot be loaded and is left out: {error!r}.",
            PluginWarning,
        )


def _checked(result: Any, protocol: type) -> Any:
    if not isinstance(result, protocol):
        raise BackendError(
            f"a plugin returned {type(result).__name__}, which lacks methods of "
            f"{protocol.__name__}; see temporaldata_video.types."
        )
    return result
