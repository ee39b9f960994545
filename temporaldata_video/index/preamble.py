r"""Finds what only the first packet of a stream tells a decoder.

x264 signs its streams once, in the first packet, and FFmpeg's decoder goes by the version:
it works around mistakes of older ones (in 4:4:4 streams up to build 150, for instance). A
decoder that starts at a later key frame has not read the signature and gives other pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..types import StreamInfo

# How much of the first packet is worth reading: the signature comes before any slice.
PREAMBLE_SEARCH_BYTES = 4096

_X264_UUID = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
_SEI = 6
_ANNEX_B_START = b"\x00\x00\x01"


def find_preamble(stream: StreamInfo, first_packet: bytes) -> bytes:
    r"""Returns the bytes to put before the first packet that a decoder is given.

    Args:
        stream: the facts of the stream.
        first_packet: the stream's first packet, or the beginning of it.

    Returns:
        The SEI NAL unit with x264's signature (ITU-T H.264, section D.1.7), in the framing
        of the stream; empty for all other streams.
    """
    if stream.codec != "h264":
        return b""
    annex_b = stream.extradata[:1] != b"\x01" or _ANNEX_B_START in first_packet[:4]
    units = (
        _annex_b_units(first_packet)
        if annex_b
        else _length_prefixed_units(first_packet, (stream.extradata[4] & 3) + 1)
    )
    for start, payload, stop in units:
        if first_packet[payload] & 31 == _SEI and _X264_UUID in first_packet[payload:stop]:
            return first_packet[start:stop]
    return b""


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
