r"""Damages bytes as disks, networks and strangers do, always the same way for one seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

# Values at which arithmetic goes wrong, to be written where a number stands.
EDGE_VALUES = (
    *(0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 1 << 24, 1 << 29),
    *((1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1),
)
_BLOCK = 4096
# Boxes of an MP4 file that hold boxes, and the bytes of payload before the first of them.
_PARENTS = dict.fromkeys(
    b"moov trak mdia minf stbl dinf edts mvex moof traf udta".split(), 0
) | {b"stsd": 8, b"dref": 8, b"avc1": 78, b"hvc1": 78, b"hev1": 78, b"mp4v": 78}

# Boxes that lie deeper are there to try readers; this module doesn't look into them.
_DEEPEST = 200


class Place(NamedTuple):
    r"""Where a box lies in a file.

    Args:
        start: offset of its header.
        stop: offset after its last byte.
        kind: its four-character code.
        parents: offsets of the headers of the boxes around it, outermost first.
    """

    start: int
    stop: int
    kind: bytes
    parents: tuple[int, ...]


def truncated(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes without their end."""
    return data[: chance.randrange(len(data) + 1)]


def flipped(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes with 1 to 16 of their bits flipped."""
    out = bytearray(data)
    for _ in range(1 << chance.randrange(5) if out else 0):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def zeroed(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes with zeros in place of whole blocks in their middle."""
    start = chance.randrange(len(data) + 1) // _BLOCK * _BLOCK
    stop = min(len(data), start + _BLOCK * (1 << chance.randrange(4)))
    return data[:start] + bytes(stop - start) + data[stop:]


def interrupted(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the first bytes, as if only they had arrived, and zeros for all others."""
    arrived = chance.randrange(len(data) + 1)
    return data[:arrived] + bytes(len(data) - arrived)


def overwritten(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes with a stretch of them replaced by noise."""
    start = chance.randrange(len(data) + 1)
    noise = chance.randbytes(min(len(data) - start, 1 << chance.randrange(10)))
    return data[:start] + noise + data[start + len(noise) :]


def renumbered(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes with four of them replaced by one of :data:`EDGE_VALUES`."""
    out = bytearray(data)
    for _ in range(1 << chance.randrange(3) if len(out) >= 4 else 0):
        at = chance.randrange(len(out) - 3)
        number = chance.choice(EDGE_VALUES).to_bytes(4, "big")
        out[at : at + 4] = number if chance.random() < 0.5 else number[::-1]
    return bytes(out)


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "truncated": truncated,
    "flipped": flipped,
    "zeroed": zeroed,
    "interrupted": interrupted,
    "overwritten": overwritten,
    "renumbered": renumbered,
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    r"""Returns the bytes, damaged in one of the ways of :data:`DAMAGES`.

    Args:
        data: anything.
        chance: decides how and where.

    Example ::

        >>> import random
        >>> from temporaldata_video.testing.damage import damaged
        >>> damaged(b"0123456789", random.Random(1)) == damaged(
        ...     b"0123456789", random.Random(1)
        ... )
        True
    """
    return DAMAGES[chance.choice(list(DAMAGES))](data, chance)


def box_places(data: bytes) -> list[Place]:
    r"""Returns where the boxes of an MP4 file lie, at all depths.

    Args:
        data: a file that is whole.
    """
    return list(_places(data, 0, len(data), ()))


def _places(data: bytes, at: int, end: int, parents: tuple[int, ...]) -> Iterator[Place]:
    while end - at >= 8:
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        length = length or end - at
        if length < head or length > end - at:
            return
        yield Place(at, at + length, kind, parents)
        if kind in _PARENTS and len(parents) < _DEEPEST:
            inside = at + head + _PARENTS[kind]
            yield from _places(data, inside, at + length, (*parents, at))
        at += length


def damaged_boxes(
    data: bytes, chance: random.Random, places: list[Place] | None = None
) -> bytes:
    r"""Returns an MP4 file that is still partly well-formed and says something else.

    One to four times, a box gets another length, another name or another number, is
    doubled or removed, gets a copy of another box before it, or is put into boxes like the
    one around it. Half of the time, the lengths of the boxes around it are made to fit.

    Args:
        data: a file that is whole.
        chance: decides how and where.
        places: from :func:`box_places`, which this calls by default.
    """
    for _ in range(1 << chance.randrange(3)):
        boxes = box_places(data) if places is None else places
        places = None
        if not boxes:
            return damaged(data, chance)
        data = chance.choice(_BOX_DAMAGES)(data, chance.choice(boxes), boxes, chance)
    return data


def _other_length(data: bytes, box: Place, _: list[Place], chance: random.Random) -> bytes:
    length = chance.choice((*EDGE_VALUES, box.stop - box.start + chance.choice((-1, 1, 8))))
    return data[: box.start] + length.to_bytes(4, "big") + data[box.start + 4 :]


def _other_kind(
    data: bytes, box: Place, boxes: list[Place], chance: random.Random
) -> bytes:
    kind = chance.choice((chance.choice(boxes).kind, chance.randbytes(4)))
    return data[: box.start + 4] + kind + data[box.start + 8 :]


def _other_number(data: bytes, box: Place, _: list[Place], chance: random.Random) -> bytes:
    # Counts and flags stand at the front, so half of the changes go there.
    inside = box.stop - box.start - 8
    if inside < 4 or box.kind == b"mdat":  # a change there would damage media
        return data
    reach = chance.choice((min(inside, 24), inside))
    at = box.start + 8 + chance.randrange(max(1, reach // 4)) * 4
    old = int.from_bytes(data[at : at + 4], "big")
    new = chance.choice((*EDGE_VALUES, old + 1, old - 1, old * 2, chance.getrandbits(32)))
    return data[:at] + (new % (1 << 32)).to_bytes(4, "big") + data[at + 4 :]


def _doubled(data: bytes, box: Place, _: list[Place], chance: random.Random) -> bytes:
    return _resize(data, box, box.stop, data[box.start : box.stop], chance)


def _removed(data: bytes, box: Place, _: list[Place], chance: random.Random) -> bytes:
    shorter = data[: box.start] + data[box.stop :]
    return _fit_parents(shorter, box, box.start - box.stop, chance)


def _nested(data: bytes, box: Place, _: list[Place], chance: random.Random) -> bytes:
    around = data[box.parents[-1] :][4:8] if box.parents else b"moov"
    inside = data[box.start : box.stop]
    for _depth in range(1 << chance.randrange(11)):
        inside = (len(inside) + 8).to_bytes(4, "big") + around + inside
    data = data[: box.start] + inside + data[box.stop :]
    return _fit_parents(data, box, len(inside) - (box.stop - box.start), chance)


def _swapped(data: bytes, box: Place, boxes: list[Place], chance: random.Random) -> bytes:
    other = chance.choice(boxes)
    return _resize(data, box, box.start, data[other.start : other.stop], chance)


def _resize(data: bytes, box: Place, at: int, added: bytes, chance: random.Random) -> bytes:
    return _fit_parents(data[:at] + added + data[at:], box, len(added), chance)


def _fit_parents(data: bytes, box: Place, growth: int, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return data
    out = bytearray(data)
    for at in box.parents:
        length = int.from_bytes(out[at : at + 4], "big") + growth
        out[at : at + 4] = (length % (1 << 32)).to_bytes(4, "big")
    return bytes(out)


_BOX_DAMAGES = (
    _other_length,
    _other_kind,
    _other_number,
    _other_number,
    _other_number,
    _doubled,
    _removed,
    _nested,
    _swapped,
)


# Values that replace another one in JSON.
_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    1 << 31,
    1 << 63,
    -(1 << 70),
    0.5,
    1e308,
    "",
    "x",
    [],
    {},
)


def damaged_json(value: Any, chance: random.Random) -> Any:
    r"""Returns a value of JSON in which other values replace some of those that it holds.

    One to four times, something in it, at any depth, is removed, doubled, or replaced
    by another value or by a copy of something else in it.

    Args:
        value: what :func:`json.loads` returns; it stays as it is.
        chance: decides how and where.
    """
    value = json.loads(json.dumps(value))
    for _ in range(1 << chance.randrange(3)):
        places = list(_json_places(value))
        if not places:
            return chance.choice(_VALUES)
        holder, key = chance.choice(places)
        other_holder, other_key = chance.choice(places)
        deed = chance.randrange(5)
        if deed == 0:
            del holder[key]
        elif deed == 1:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif deed == 2 and isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[key])))
        elif deed == 3 and type(holder[key]) in (int, float):
            holder[key] = chance.choice((-holder[key], holder[key] + 1, holder[key] * 1000))
        else:
            holder[key] = chance.choice(_VALUES)
    return value


def _json_places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _json_places(value[key])
