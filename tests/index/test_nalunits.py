r"""NAL units are found where they lie, in packets and in the beginnings of packets."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._index.nalunits import nal_units, unit_places
from temporaldata_video.types import StreamInfo

STREAM = StreamInfo("mov", 0, "h264", 0, b"", Fraction(1, 30), 64, 48)
# Without zeros, so that no start code comes about by chance.
units = st.lists(
    st.binary(min_size=2, max_size=40).map(lambda data: data.replace(b"\0", b"\5")),
    max_size=6,
)


def with_lengths(length_size: int) -> StreamInfo:
    return replace(STREAM, extradata=bytes([1, 100, 0, 30, 0xFC | length_size - 1, 0xE0]))


@pytest.mark.parametrize("length_size", [1, 2, 4])
@given(units=units, more=st.integers(0, 6), data=st.data())
def test_units_behind_their_lengths(length_size, units, more, data):
    packet, places = b"", []
    for unit in units:
        start = len(packet)
        packet += len(unit).to_bytes(length_size, "big") + unit
        places.append((start, start + length_size, len(packet)))
    stream = with_lengths(length_size)
    assert list(unit_places(stream, packet)) == places
    assert list(nal_units(stream, packet)) == units
    # Of the beginning of a packet, those that are whole; a unit of no bytes ends them.
    stop = data.draw(st.integers(0, len(packet)))
    whole = [place for place in places if place[2] <= stop]
    assert list(unit_places(stream, packet[:stop])) == whole
    assert list(unit_places(stream, packet + bytes(more))) == places


@given(units=units, codes=st.lists(st.sampled_from([b"\0\0\1", b"\0\0\0\1"]), min_size=7))
def test_units_between_start_codes(units, codes):
    packet, starts = b"", []
    for code, unit in zip(codes, units):
        starts.append(len(packet) + len(code) - 3)
        packet += code + unit
    # Nothing says where the last one ends.
    expected = [(start, start + 3, stop) for start, stop in pairwise(starts)]
    assert list(unit_places(STREAM, packet)) == expected


def test_lengths_of_four_bytes_are_meant_where_nothing_is_said():
    stream = replace(STREAM, extradata=b"\1")
    assert list(nal_units(stream, b"\0\0\0\2ab\0\0\0\3cde")) == [b"ab", b"cde"]
