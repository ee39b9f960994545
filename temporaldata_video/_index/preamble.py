r"""Finds what only the first packet of a stream tells a decoder.

x264 signs its streams once, in the first packet, and FFmpeg's decoder uses the version: it
works around mistakes of older ones (in 4:4:4 streams up to build 150, for instance). A
decoder that starts at a later key frame has not read the signature and gives other pixels.
"""

from __future__ import annotations

from ..types import StreamInfo
from .nalunits import unit_places

_X264_UUID = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
_SEI = 6


def find_preamble(stream: StreamInfo, first_packet: bytes) -> bytes:
    r"""Returns the bytes to put before the first packet that a decoder gets.

    Args:
        stream: the facts of the stream.
        first_packet: the stream's first packet, or the beginning of it.

    Returns:
        The SEI NAL unit with x264's signature (ITU-T H.264, section D.1.7), in the framing
        of the stream; empty for all other streams.
    """
    if stream.codec != "h264":
        return b""
    for start, payload, stop in unit_places(stream, first_packet):
        if first_packet[payload] & 31 == _SEI and _X264_UUID in first_packet[payload:stop]:
            return first_packet[start:stop]
    return b""
