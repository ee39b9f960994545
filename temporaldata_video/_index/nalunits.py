r"""Cuts the packets of H.264 streams into NAL units, in either framing."""

from __future__ import annotations

from collections.abc import Iterator

from ..types import StreamInfo

_ANNEX_B_START = b"\x00\x00\x01"


def nal_units(stream: StreamInfo, packet: bytes) -> Iterator[bytes]:
    r"""Yields the NAL units of an H.264 packet, without start codes or lengths.

    Args:
        stream: the facts of the stream.
        packet: one of its packets, or the beginning of one, whose last unit may be short.
    """
    for _, start, stop in unit_places(stream, packet):
        yield packet[start:stop]


def unit_places(stream: StreamInfo, packet: bytes) -> Iterator[tuple[int, int, int]]:
    r"""Yields where the whole NAL units of an H.264 packet lie: the offsets of the start
    code or length, of the unit, and of what follows it.

    Args:
        stream: the facts of the stream.
        packet: one of its packets, or the beginning of one.
    """
    if stream.extradata[:1] != b"\x01" or _ANNEX_B_START in packet[:4]:
        return _annex_b_units(packet)
    length_size = (stream.extradata[4] & 3) + 1 if len(stream.extradata) > 4 else 4
    return _length_prefixed_units(packet, length_size)


def _length_prefixed_units(data: bytes, length_size: int) -> Iterator[tuple[int, int, int]]:
    start = 0
    while start + length_size < len(data):
        payload = start + length_size
        stop = payload + int.from_bytes(data[start:payload], "big")
        if stop > len(data) or stop == payload:
            return
        yield start, payload, stop
        start = stop


def _annex_b_units(data: bytes) -> Iterator[tuple[int, int, int]]:
    start = data.find(_ANNEX_B_START)
    while 0 <= start < len(data) - 4:
        stop = data.find(_ANNEX_B_START, start + 3)
        if stop < 0:
            return
        yield start, start + 3, stop
        start = stop
