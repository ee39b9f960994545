r"""The signature of x264 is found among the units of a packet, as they are framed there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from temporaldata_video._index.preamble import find_preamble
from temporaldata_video.types import StreamInfo

UUID = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
SIGNATURE = b"\x06\x05\x20" + UUID + b"x264 - core 165\x80"
OTHERS = {
    "another SEI": b"\x06\x05\x10" + 16 * b"\x07" + b"\x80",
    "a picture that holds the same bytes": b"\x65\x05\x20" + UUID + b"\x80",
    "a parameter set": b"\x67\x64\x1f\xac",
}
LENGTHS = StreamInfo("mov", 0, "h264", 0, b"\x01\x64\x00\x1e\xff", Fraction(1, 30), 64, 48)


def framed(unit: bytes, lengths: bool) -> bytes:
    return (len(unit).to_bytes(4, "big") if lengths else b"\0\0\1") + unit


@pytest.mark.parametrize("before", [[], *([name] for name in OTHERS), [*OTHERS]])
@pytest.mark.parametrize("lengths", [True, False])
def test_the_unit_with_the_signature_is_the_preamble(before, lengths):
    stream = LENGTHS if lengths else replace(LENGTHS, extradata=b"")
    units = [OTHERS[name] for name in before]
    packet = b"".join(framed(unit, lengths) for unit in [*units, SIGNATURE, b"\x65\x88"])
    assert find_preamble(stream, packet) == framed(SIGNATURE, lengths)
    without = b"".join(framed(unit, lengths) for unit in [*units, b"\x65\x88"])
    assert find_preamble(stream, without) == b""


def test_other_codecs_have_none():
    assert find_preamble(replace(LENGTHS, codec="hevc"), framed(SIGNATURE, True)) == b""
