r"""The hooks that a plugin can implement; the first that returns a result wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

from ..types import ByteCache, FrameIndex, ObjectStore

PROJECT_NAME = "temporaldata_video"

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT_NAME)


@hookspec(firstresult=True)
def resolve_store(uri: str, storage_options: Mapping[str, Any]) -> ObjectStore | None:
    r"""Returns the store that reads ``uri``, or :obj:`None` if it is another's."""


@hookspec(firstresult=True)
def resolve_index(uri: str, store: ObjectStore) -> FrameIndex | None:
    r"""Returns the frame index of the video at ``uri``, or :obj:`None` if there is none."""


@hookspec(firstresult=True)
def resolve_cache(uri: str, store: ObjectStore) -> ByteCache | None:
    r"""Returns the cache to put before ``store`` for ``uri``, or :obj:`None` for none."""


@hookspec(firstresult=True)
def resolve_proxy(uri: str, name: str) -> str | None:
    r"""Returns where the proxy ``name``, such as ``"224x224.proxy"``, of the file at
    ``uri`` lies or would lie, or :obj:`None` if it is another's. The name ``"*"`` asks for
    the pattern of all of them."""
