r"""Indexing from the boxes gives what PyAV's demuxer gives, or says that it can't."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from temporaldata_video.index.boxes import BoxesUnsupported
from temporaldata_video.index.packets import SegmentIndex, increasing_dts

from .boxmaking import (
    CLIPS,
    box,
    counted,
    extended,
    full,
    movie,
    noise_clip,
    sample_entry,
    scan,
    top_level,
    track,
    words,
)

HAS_BOXES = (".mp4", ".mov", ".3gp")
# Its parameter sets lie in the media, of which nothing is read.
NEEDS_MEDIA = {"mb_annex-b.mp4"}


def rows(index: SegmentIndex) -> list[tuple]:
    r"""Returns all packets of an index in decoding order, the last item being hidden."""
    packets = []
    for table, hidden in ((index.frames, False), (index.hidden, True)):
        columns = (table.pts, table.dts, table.pos, table.size, table.keyframe)
        packets += [(*row, hidden) for row in zip(*(c.tolist() for c in columns))]
    return sorted(packets, key=lambda row: row[1])


def demuxed(data: bytes) -> tuple[dict, list[tuple]]:
    r"""Returns the facts of the stream and the packets, as PyAV gives them."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        context = stream.codec_context
        facts = {
            "stream_index": stream.index,
            "codec": context.codec.canonical_name,
            "codec_tag": int.from_bytes(context.codec_tag.encode("latin-1"), "little"),
            "extradata": bytes(context.extradata or b""),
            "time_base": stream.time_base,
            "container": container.format.name,
        }
    dts = increasing_dts([p.dts for p in packets]).tolist()
    return facts, [
        (p.pts, d, p.pos, p.size, p.is_keyframe, p.is_discard) for p, d in zip(packets, dts)
    ]


def first_frame(data: bytes) -> tuple[int, int, int]:
    r"""Returns width, height and rotation of the first frame that decodes."""
    with av.open(io.BytesIO(data)) as container:
        # The slice threads of FFmpeg 7.1's HEVC decoder deadlock now and then.
        container.streams.video[0].thread_type = "NONE"
        frame = next(container.decode(video=0))
        return frame.width, frame.height, frame.rotation % 360


def assert_like_demuxer(data: bytes, decode: bool = True) -> SegmentIndex:
    index, _ = scan(data)
    facts, packets = demuxed(data)
    assert {fact: getattr(index.stream, fact) for fact in facts} == facts
    assert rows(index) == packets
    assert (np.diff(index.frames.pts) >= 0).all()
    if decode:
        stream = index.stream
        assert (stream.width, stream.height, stream.rotation) == first_frame(data)
    return index


@pytest.mark.corpus
def test_corpus(corpus: Path, corpus_name: str) -> None:
    data = (corpus / corpus_name).read_bytes()
    if corpus_name in NEEDS_MEDIA or not corpus_name.endswith(HAS_BOXES):
        reason = "configuration" if corpus_name in NEEDS_MEDIA else None
        with pytest.raises(BoxesUnsupported, match=reason):
            scan(data)
        return
    assert_like_demuxer(data)
    headers = sum(length for kind, length in top_level(data) if kind in (b"moov", b"moof"))
    assert scan(data)[1] <= 1.2 * headers


# --- Clips that PyAV makes -------------------------------------------------------------


@pytest.mark.parametrize("name", CLIPS)
def test_made_clip(name: str, tmp_path: Path) -> None:
    options = dict(CLIPS[name])
    data = noise_clip(tmp_path / f"clip{options.pop('suffix', '.mp4')}", **options)
    index = assert_like_demuxer(data)
    assert len(index) == options.get("frames", 40)


def test_container_colour(tmp_path: Path) -> None:
    data = noise_clip(tmp_path / "clip.mp4", codec="mpeg4")
    entry = sample_entry(data)
    colour = box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 3, 0x80))
    stream = scan(movie([2], entry=extended(entry, colour)))[0].stream
    assert (stream.color_primaries, stream.color_trc, stream.color_space) == (9, 16, 3)
    assert stream.color_range == 2


def test_file_that_is_cut_off(tmp_path: Path) -> None:
    data = noise_clip(tmp_path / "clip.mp4", movflags="faststart", bf="2")
    whole, _ = scan(data)
    by_decoding = sorted(zip(whole.frames.pos.tolist(), whole.frames.size.tolist()))
    pos, size = by_decoding[25]
    index = assert_like_demuxer(data[: pos + size // 2])
    assert (len(index), index.missing_packets) == (26, 14)
    assert scan(data[:pos])[0].missing_packets == 15


# --- Files made box by box -------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> dict:
    count = draw(st.integers(1, 16))
    each = {"min_size": count, "max_size": count}
    step = draw(st.sampled_from([1, 10, 512]))
    lowest = draw(st.sampled_from([0, 0, -1, -2]))
    total = count * step
    edits = [(draw(st.integers(0, 2 * total)), draw(st.integers(0, total)), 65536)]
    if draw(st.booleans()):
        edits.insert(0, (draw(st.integers(0, 3000)), -1, 65536))
    multiples = st.lists(st.integers(lowest, 3).map(step.__mul__), **each)
    return {
        "sizes": draw(st.lists(st.integers(1, 30), **each)),
        "steps": draw(st.lists(st.sampled_from([step, step, step + 1, 2 * step]), **each)),
        "offsets": draw(st.none() | multiples),
        "keys": draw(st.none() | st.sets(st.integers(1, count), min_size=1).map(sorted)),
        "edits": draw(st.none() | st.just(edits)),
        "chunk": draw(st.integers(1, 5)),
        "time_scale": draw(st.sampled_from([1000, 600, 90000, 7])),
        "movie_time_scale": draw(st.sampled_from([1000, 600, 1])),
    }


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(options=tables())
def test_any_sample_table(hevc_entry: bytes, options: dict) -> None:
    data = movie(entry=hevc_entry, **options)
    try:
        scan(data)
    except BoxesUnsupported:
        reject()  # and were all refused, this would fail
    assert_like_demuxer(data, decode=False)


@pytest.mark.parametrize("edits", [[(60, 30, 65536)], [(50, -1, 65536), (60, 30, 65536)]])
def test_edit_list_after_a_track_without_samples(hevc_entry: bytes, edits: list) -> None:
    # FFmpeg stops trimming to edit lists at a track without a sample table.
    empty = full(b"stsd", words(1), box(b"mebx", bytes(8))) + counted(b"stts", [])
    empty += counted(b"stsc", []) + full(b"stsz", words(0, 0)) + counted(b"stco", [])
    before = track(empty, handler=b"meta", number=2)
    options = {"sizes": [9] * 10, "entry": hevc_entry, "keys": [1, 5, 8], "edits": edits}
    trimmed = assert_like_demuxer(movie(**options), decode=False)
    index = assert_like_demuxer(movie(**options, before=before), decode=False)
    assert (len(trimmed), len(index)) == (6, 10)
    assert (trimmed.stream.stream_index, index.stream.stream_index) == (0, 1)


@pytest.mark.parametrize(
    ("matrix", "rotation", "mirrored"),
    [
        ((0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30), 270, False),
        ((-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30), 180, False),
        ((0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30), 90, False),
        ((-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30), 0, True),
        ((50000, 50000, 0, -50000, 50000, 0, 0, 0, 1 << 30), 0, False),
    ],
)
def test_display_matrix(
    matrix: tuple, rotation: int, mirrored: bool, hevc_entry: bytes
) -> None:
    stream = scan(movie([9], hevc_entry, matrix=matrix))[0].stream
    assert (stream.rotation, stream.mirrored) == (rotation, mirrored)
