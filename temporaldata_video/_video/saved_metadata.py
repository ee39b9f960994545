r"""Keeps the metadata of a video in a recording, as far as JSON can say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .._base.user_warnings import warn_user
from ..errors import VideoWarning

# HDF5 keeps no attribute of 64 KiB or more.
_MOST_BYTES = 60_000


def encode_metadata(metadata: Any, what: str) -> str:
    r"""Returns metadata as JSON, with a warning that names what JSON cannot say.

    Args:
        metadata: a mapping, a dataclass, an object with ``recording_hash``, or a JSON
            value. Of the object, its public attributes are kept.
        what: names the video in the warning.

    Returns:
        The text; ``""`` if nothing can be kept.
    """
    try:
        kept, lost = _plain(metadata, "metadata")
    except RecursionError:
        kept, lost = _LOST, ["metadata (it contains itself)"]
    text = "" if kept is _LOST else json.dumps(kept)
    if len(text) > _MOST_BYTES:
        text, lost = "", [f"metadata ({len(text)} bytes; the most are {_MOST_BYTES})"]
    if lost:
        warn_user(
            f"the recording does not keep all metadata of {what}: {', '.join(lost)}. It "
            f"keeps mappings with names as keys, dataclasses and objects with "
            f"recording_hash, of JSON values.",
            VideoWarning,
        )
    return text


def decode_metadata(text: Any) -> Any:
    r"""Returns what :func:`encode_metadata` kept, :obj:`None` if that is nothing.

    Args:
        text: as it was written.

    Raises:
        ValueError: if it is no JSON.
        TypeError: if it is no text.
    """
    return json.loads(text) if text else None


_LOST = object()  # stands for what is no value of JSON


def _named_parts(value: Any) -> Mapping[Any, Any] | None:
    # What has names and values; None if it is another kind of value.
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(value, "recording_hash"):
        own = getattr(value, "__dict__", {})
        public = {name: own[name] for name in own if not name.startswith("_")}
        return {**public, "recording_hash": value.recording_hash}
    return None


def _plain(value: Any, name: str) -> tuple[Any, list[str]]:
    # A value as JSON has it, and the names of what is lost of it.
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value, []
    if isinstance(value, (list, tuple)):
        found = [_plain(one, f"{name}[{i}]") for i, one in enumerate(value)]
        # A list without some of its values would have others at their places.
        lost = [what for _, losses in found for what in losses]
        return (_LOST, lost) if lost else ([one for one, _ in found], [])
    named = _named_parts(value)
    if named is None:
        return _LOST, [f"{name} ({type(value).__name__})"]
    kept, lost = {}, []
    for key, value in named.items():
        if not isinstance(key, str):
            lost.append(f"{name}[{key!r}] (a key of type {type(key).__name__})")
            continue
        one, losses = _plain(value, f"{name}[{key!r}]")
        lost += losses
        if one is not _LOST:
            kept[key] = one
    return kept, lost
