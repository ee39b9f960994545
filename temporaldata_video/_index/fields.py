r"""Tells whether an H.264 stream may code a frame as two fields."""

from __future__ import annotations

from collections.abc import Iterator

from ..types import StreamInfo
from .nalunits import nal_units

_SPS = 7
# ITU-T H.264, section 7.3.2.1.1: the profiles whose parameter set has a chroma format.
_CHROMA_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


def may_hold_fields(stream: StreamInfo, first_packet: bytes) -> bool:
    r"""Returns whether any parameter set allows fields (``frame_mbs_only_flag`` 0), or
    none can be read.

    Args:
        stream: the facts of the stream.
        first_packet: the stream's first packet, or the beginning of it.
    """
    if stream.codec != "h264":
        return False
    sets = [*_parameter_sets(stream.extradata)]
    units = nal_units(stream, first_packet)
    sets += [unit for unit in units if unit and unit[0] & 31 == _SPS]
    try:
        return not sets or not all(_only_frames(unit) for unit in sets)
    except (IndexError, ValueError):
        return True


def _parameter_sets(extradata: bytes) -> Iterator[bytes]:
    if extradata[:1] != b"\x01":
        yield from (
            unit for unit in extradata.split(b"\0\0\1")[1:] if unit and unit[0] & 31 == _SPS
        )
        return
    at = 6  # ISO/IEC 14496-15, section 5.3.3.1
    for _ in range(extradata[5] & 31 if len(extradata) > 5 else 0):
        length = int.from_bytes(extradata[at : at + 2], "big")
        yield extradata[at + 2 : at + 2 + length]
        at += 2 + length


def _only_frames(unit: bytes) -> bool:
    # ITU-T H.264, section 7.3.2.1.1, up to frame_mbs_only_flag.
    payload = unit[1:].replace(b"\0\0\3", b"\0\0")
    bits = iter(f"{int.from_bytes(b'1' + payload, 'big'):b}"[6:])

    def read(count: int) -> int:
        return int("".join(next(bits, "-") for _ in range(count)) or "0", 2)

    def golomb() -> int:
        zeros = 0
        while read(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + read(zeros)

    profile = read(8)
    read(16)
    golomb()
    if profile in _CHROMA_PROFILES:
        if golomb() == 3:
            read(1)
        golomb()
        golomb()
        read(1)
        if read(1):
            raise ValueError("scaling lists are not read")
    golomb()
    order = golomb()
    if order == 0:
        golomb()
    elif order == 1:
        read(1)
        golomb()
        golomb()
        for _ in range(golomb()):
            golomb()
    golomb()
    read(1)
    golomb()
    golomb()
    return bool(read(1))
