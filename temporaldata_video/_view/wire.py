r"""Packs facts and arrays into one answer, which the page takes apart without copying."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

# So that any array of the answer is where its items may lie.
_ALIGNMENT = 8


def pack(facts: dict[str, Any], **arrays: np.ndarray) -> bytes:
    r"""Returns facts and arrays as the bytes of one answer.

    First comes the number of bytes of the facts, little-endian in 8 bytes; then the facts
    as JSON, with the dtype, shape and place of each array under ``arrays``; then the
    arrays. Facts and arrays are filled up to multiples of 8 bytes.

    Args:
        facts: what JSON can hold.
        arrays: of numbers, by their names.

    Example ::

        >>> pack({}, x=np.zeros(2))[8:71]
        b'{"arrays": {"x": {"dtype": "float64", "shape": [2], "at": 0}}} '
    """
    places, buffers, at = {}, [], 0
    for name, array in arrays.items():
        places[name] = {"dtype": array.dtype.name, "shape": array.shape, "at": at}
        buffers.append(_filled(array.tobytes(), b"\0"))
        at += len(buffers[-1])
    head = _filled(json.dumps({**facts, "arrays": places}, allow_nan=False).encode(), b" ")
    return b"".join([len(head).to_bytes(_ALIGNMENT, "little"), head, *buffers])


def _filled(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGNMENT)
