r"""Boxes that make no index are refused with a reason, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporaldata_video.index.boxes import BoxesUnsupported

from .boxmaking import CLIPS, box, movie, noise_clip, scan, top_level, words

SECONDS = 5.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"edits": [(50, 0, 65536), (50, 60, 65536)]}, "media edit"),
        ({"edits": [(50, 0, 131072)]}, "speed"),
        ({"edits": [(0, 0, 65536)]}, "no sample"),
        ({"handler": b"soun"}, "no video track"),
        ({"sizes": [9, 0, 9]}, "empty"),
        ({"keys": [2, 1]}, "order"),
        ({"keys": [11]}, "'stss'"),
        ({"steps": [10] * 9}, "'stts'"),
        ({"offsets": [10] * 9}, "'ctts'"),
        ({"steps": [0] * 5 + [10] * 5}, "increase"),
    ],
)
def test_refused(options: dict, reason: str, hevc_entry: bytes) -> None:
    with pytest.raises(BoxesUnsupported, match=reason):
        scan(movie(**{"sizes": [9] * 10, "entry": hevc_entry, **options}))


@pytest.mark.parametrize("kind", [b"encv", b"vp08", b"mp4a"])
def test_unknown_codec(kind: bytes, hevc_entry: bytes) -> None:
    with pytest.raises(BoxesUnsupported, match="not known"):
        scan(movie([9], hevc_entry[:4] + kind + hevc_entry[8:]))


@pytest.mark.parametrize(
    "head", [b"", b"\0" * 7, b"\0" * 64, b"RIFF" * 9, b"\1" + bytes(64)]
)
def test_no_boxes(head: bytes) -> None:
    with pytest.raises(BoxesUnsupported, match="no ISO base media file"):
        scan(head)


@pytest.mark.parametrize("kind", [b"stsz", b"stts", b"stsc", b"stco", b"stss", b"ctts"])
@pytest.mark.parametrize("count", [0x7FFFFFFF, 0xFFFFFFFF, 0])
def test_hostile_count(kind: bytes, count: int, hevc_entry: bytes) -> None:
    data = bytearray(movie([9] * 4, hevc_entry, offsets=[10] * 4, keys=[1, 3]))
    at = data.index(kind) + (12 if kind == b"stsz" else 8)
    data[at : at + 4] = words(count)
    if (kind, count) == (b"ctts", 0):  # the same as no table
        assert scan(bytes(data))[0].frames.pts.tolist() == [0, 10, 20, 30]
        return
    with pytest.raises(BoxesUnsupported):
        scan(bytes(data))


def test_hostile_constant_size(hevc_entry: bytes) -> None:
    data = bytearray(movie([9] * 4, hevc_entry))
    at = data.index(b"stsz") + 8
    data[at : at + 8] = words(1, 0x7FFFFFFF)
    with pytest.raises(BoxesUnsupported, match="samples"):
        scan(bytes(data))


def test_endless_boxes_take_bounded_time() -> None:
    boxes = box(b"free") * (1 << 20)
    begin = time.monotonic()
    with pytest.raises(BoxesUnsupported, match="more than"):
        scan(boxes)
    assert time.monotonic() - begin < SECONDS


@pytest.fixture(scope="module", params=["b-frames", "fragmented-sound", "mpeg4", "hevc"])
def victim(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    return noise_clip(
        tmp_path_factory.mktemp("victim") / "clip.mp4", **CLIPS[request.param]
    )


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_damage_gives_an_index_or_a_reason(victim: bytes, data: st.DataObject) -> None:
    damaged = bytearray(victim)
    first = victim.index(b"moov") - 4
    last = first + int.from_bytes(victim[first : first + 4], "big")
    if b"moof" in victim:
        last = victim.index(b"mdat")
    worst = st.sampled_from([b"\xff" * 4, b"\x7f" + b"\xff" * 3, bytes(4), words(1)])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(first, last - 4))
        bytes_ = data.draw(st.binary(min_size=1, max_size=1) | worst)
        damaged[at : at + len(bytes_)] = bytes_
    length = data.draw(st.just(len(damaged)) | st.integers(0, len(damaged)))
    begin = time.monotonic()
    try:
        index, read = scan(bytes(damaged[:length]))
    except BoxesUnsupported as error:
        assert str(error)
    else:
        assert len(index) and len(index) + len(index.hidden) <= len(victim)
        assert index.frames.pos.min() >= 0
        assert (index.frames.pos + index.frames.size).max() <= length
        assert read <= length + 16 * len(top_level(victim))
    assert time.monotonic() - begin < SECONDS
