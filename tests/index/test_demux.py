r"""What a header or a packet alone tells, by the words of the formats."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._index.demux import _shows_nothing, scan_header
from temporaldata_video._index.headerfile import HeaderFile
from temporaldata_video.testing import make_clip


def first_byte_of_vp9(profile: int, existing: bool, is_shown: bool, rest: str) -> str:
    # Section 6.2: marker, profile with its low bit first, a reserved bit in profile 3.
    bits = f"10{profile & 1}{profile >> 1}" + "0" * (profile == 3) + f"{existing:d}"
    return bits if existing else bits + rest[0] + f"{is_shown:d}" + rest[1]


@given(
    profile=st.integers(0, 3),
    existing=st.booleans(),
    is_shown=st.booleans(),
    rest=st.text("01", min_size=2, max_size=2),
    behind=st.binary(max_size=5),
    last=st.integers(0, 0xFF).filter(lambda byte: byte >> 5 != 0b110),
)
def test_frames_of_vp9_that_only_serve_as_reference(
    profile, existing, is_shown, rest, behind, last
):
    bits = first_byte_of_vp9(profile, existing, is_shown, rest)
    head = int(bits.ljust(16, "0"), 2).to_bytes(2, "big")
    packet = memoryview(head + behind + bytes([last]))
    assert _shows_nothing("vp9", packet) is (not existing and not is_shown)
    # Annex B: a superframe ends with a marker, and one of its frames is shown.
    superframe = memoryview(head + behind + bytes([0b11000000 | last & 31]))
    assert not _shows_nothing("vp9", superframe)


@pytest.mark.parametrize("is_shown", [False, True])
@given(first=st.integers(0, 0xFF), behind=st.binary(max_size=5))
def test_frames_of_vp8_that_only_serve_as_reference(is_shown, first, behind):
    # RFC 6386, section 9.1: the fifth bit from the right.
    first = first & ~16 | is_shown << 4
    packet = memoryview(bytes([first]) + behind)
    assert _shows_nothing("vp8", packet) is not is_shown
    assert not _shows_nothing("h264", packet)


def test_a_name_like_that_of_encrypted_video_encrypts_nothing(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 12, size=(32, 48))
    content = path.read_bytes()
    named = content.replace(b"VideoHandler", b"encv Handler")
    assert named != content
    file = HeaderFile(lambda start, length: named[start : start + length], len(named))
    if hasattr(av.Packet, "iter_sidedata"):
        assert len(scan_header(file, "cam.mp4")) == 12
    else:  # an older PyAV gives no other sign
        with pytest.raises(tv.SourceError, match="is encrypted"):
            scan_header(file, "cam.mp4")
