r"""Indexing from the boxes gives what PyAV's demuxer gives, or says that it can't."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporaldata_video.index.boxes import BoxesUnsupported, scan_boxes
from temporaldata_video.index.packets import SegmentIndex, increasing_dts

HAS_BOXES = (".mp4", ".mov", ".3gp")
# Its parameter sets lie in the media, of which nothing is read.
NEEDS_MEDIA = {"mb_annex-b.mp4"}
IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
SECONDS = 5.0


def scan(data: bytes) -> tuple[SegmentIndex, int]:
    r"""Returns the index of a file, and how many bytes of it were read."""
    lengths = []

    def read(start: int, length: int) -> bytes:
        lengths.append(length)
        return data[start : start + length]

    return scan_boxes(read, len(data)), sum(lengths)


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


def clip(
    path: Path,
    codec: str = "libx264",
    frames: int = 40,
    size: tuple[int, int] = (64, 48),
    movflags: str = "",
    audio: bool = False,
    videos: int = 1,
    container_options: dict | None = None,
    **options: str,
) -> bytes:
    r"""Returns the bytes of a clip of moving noise, written by PyAV."""
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"PyAV has no {codec} here")
    random = np.random.default_rng(0)
    muxing = {**(container_options or {}), **({"movflags": movflags} if movflags else {})}
    formats = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
    with av.open(str(path), "w", options=muxing) as container:
        sound = container.add_stream("aac", rate=16000) if audio else None
        streams = [container.add_stream(codec, rate=25) for _ in range(videos)]
        for stream in streams:
            stream.width, stream.height = size
            stream.pix_fmt = formats.get(codec, "yuv420p")
            stream.options = options
        for i in range(frames):
            image = random.integers(0, 255, (size[1], size[0], 3), np.uint8)
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                frame.pts = i
                container.mux(stream.encode(frame))
            if sound:
                tone = av.AudioFrame.from_ndarray(
                    np.zeros((1, 640), np.float32), "fltp", layout="mono"
                )
                tone.sample_rate, tone.pts = 16000, 640 * i
                container.mux(sound.encode(tone))
        for stream in [*streams, *([sound] if sound else [])]:
            container.mux(stream.encode(None))
    return path.read_bytes()


FRAGMENTED = "frag_keyframe+empty_moov"
CLIPS = {
    "no-b-frames": {"bf": "0", "g": "12"},
    "b-frames": {"bf": "3", "g": "12"},
    "open-gop": dict(**{"x264-params": "open-gop=1:keyint=10:bframes=3"}),
    "odd-size": {"size": (50, 38), "bf": "2"},
    "faststart": {"movflags": "faststart", "bf": "2"},
    "negative-offsets": {"movflags": "negative_cts_offsets", "bf": "2"},
    "no-edit-list": {"container_options": {"use_editlist": "0"}, "bf": "2"},
    "fragmented": {"movflags": FRAGMENTED, "bf": "2", "g": "12"},
    "default-base-is-moof": {
        "movflags": FRAGMENTED + "+default_base_moof",
        "bf": "2",
        "g": "9",
    },
    "fragment-a-frame": {"movflags": "frag_every_frame+empty_moov", "bf": "2", "g": "9"},
    "dash": {"movflags": FRAGMENTED + "+dash+global_sidx", "bf": "2", "g": "12"},
    "fragmented-negative": {
        "movflags": FRAGMENTED + "+negative_cts_offsets",
        "bf": "2",
        "g": "9",
    },
    "fragmented-sound": {"movflags": FRAGMENTED, "bf": "2", "g": "12", "audio": True},
    "sound": {"audio": True, "bf": "2"},
    "two-tracks": {"videos": 2, "bf": "2"},
    "mpeg4": {"codec": "mpeg4", "g": "10"},
    "mjpeg": {"codec": "mjpeg"},
    "prores": {"codec": "prores_ks", "suffix": ".mov"},
    "mov": {"suffix": ".mov", "bf": "2"},
    "hevc": dict(codec="libx265", **{"x265-params": "log-level=none:keyint=10"}),
    "hevc-odd": dict(codec="libx265", size=(70, 54), **{"x265-params": "log-level=none"}),
    "av1": {"codec": "libsvtav1", "g": "10", "frames": 20, "size": (64, 64)},
    "vp9": {"codec": "libvpx-vp9", "g": "10", "frames": 20},
}


@pytest.mark.parametrize("name", CLIPS)
def test_made_clip(name: str, tmp_path: Path) -> None:
    options = dict(CLIPS[name])
    data = clip(tmp_path / f"clip{options.pop('suffix', '.mp4')}", **options)
    index = assert_like_demuxer(data)
    assert len(index) == options.get("frames", 40)


def test_container_colour(tmp_path: Path) -> None:
    data = clip(tmp_path / "clip.mp4", codec="mpeg4")
    entry = sample_entry(data)
    colour = box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 3, 0x80))
    stream = scan(movie([2], entry=extended(entry, colour)))[0].stream
    assert (stream.color_primaries, stream.color_trc, stream.color_space) == (9, 16, 3)
    assert stream.color_range == 2


def test_file_that_is_cut_off(tmp_path: Path) -> None:
    data = clip(tmp_path / "clip.mp4", movflags="faststart", bf="2")
    whole, _ = scan(data)
    by_decoding = sorted(zip(whole.frames.pos.tolist(), whole.frames.size.tolist()))
    pos, size = by_decoding[25]
    index = assert_like_demuxer(data[: pos + size // 2])
    assert (len(index), index.missing_packets) == (26, 14)
    assert scan(data[:pos])[0].missing_packets == 15


# --- Files made box by box -------------------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def words(*values: int) -> bytes:
    return b"".join(struct.pack(">I", value % (1 << 32)) for value in values)


def counted(kind: bytes, entries: list[tuple[int, ...]]) -> bytes:
    return full(kind, words(len(entries), *(word for entry in entries for word in entry)))


def top_level(data: bytes) -> list[tuple[bytes, int]]:
    r"""Returns type and length of the boxes of a sound file."""
    found, at = [], 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        found.append((kind, length or len(data) - at))
        at += found[-1][1]
    return found


def sample_entry(data: bytes) -> bytes:
    r"""Returns the sample entry of the first track of a file."""
    at = data.index(b"stsd") + 12
    return data[at : at + int.from_bytes(data[at : at + 4], "big")]


def extended(entry: bytes, extension: bytes) -> bytes:
    return words(len(entry) + len(extension)) + entry[4:] + extension


def track(
    tables: bytes,
    edits: list[tuple[int, int, int]] | None = None,
    handler: bytes = b"vide",
    time_scale: int = 1000,
    matrix: tuple[int, ...] = IDENTITY,
    number: int = 1,
) -> bytes:
    edit_list = full(
        b"elst",
        words(len(edits or [])),
        *(struct.pack(">qqI", *edit) for edit in edits or []),
        version=1,
    )
    return box(
        b"trak",
        full(
            b"tkhd", words(0, 0, number, *[0] * 6), struct.pack(">9i", *matrix), words(0, 0)
        ),
        box(b"edts", edit_list) if edits is not None else b"",
        box(
            b"mdia",
            full(b"mdhd", words(0, 0, time_scale, 0, 0)),
            full(b"hdlr", words(0), handler, bytes(14)),
            box(
                b"minf",
                box(b"dinf", full(b"dref", words(1), full(b"url ", flags=1))),
                box(b"stbl", tables),
            ),
        ),
    )


def movie(
    sizes: list[int],
    entry: bytes,
    steps: list[int] | None = None,
    offsets: list[int] | None = None,
    keys: list[int] | None = None,
    chunk: int = 3,
    before: bytes = b"",
    movie_time_scale: int = 1000,
    **options: object,
) -> bytes:
    r"""Returns a movie of one video track whose media are zeros.

    Args:
        sizes: length of each sample.
        entry: sample entry.
        steps: time from each sample to the next.
        offsets: composition offsets.
        keys: numbers of the sync samples, from 1.
        chunk: samples in a chunk.
        before: tracks that come before that one.
        movie_time_scale: units a second of the edit list's durations.
        **options: for :func:`track`.
    """
    head = box(b"ftyp", b"isom", words(0), b"isom")
    count = len(sizes)
    position = np.cumsum([len(head) + 8, *sizes]).tolist()
    full_chunks, rest = divmod(count, chunk)
    runs = [(1, chunk, 1)] * bool(full_chunks) + [(full_chunks + 1, rest, 1)] * bool(rest)
    tables = (
        full(b"stsd", words(1), entry),
        counted(b"stts", [(1, step) for step in steps or [10] * count]),
        counted(b"ctts", [(1, offset) for offset in offsets]) if offsets else b"",
        counted(b"stss", [(key,) for key in keys]) if keys else b"",
        counted(b"stsc", runs),
        full(b"stsz", words(0, count, *sizes)),
        counted(b"stco", [(position[i],) for i in range(0, count, chunk)]),
    )
    mvhd = full(
        b"mvhd",
        words(0, 0, movie_time_scale, *[0] * 5),
        struct.pack(">9i", *IDENTITY),
        bytes(28),
    )
    moov = box(b"moov", mvhd, before, track(b"".join(tables), **options))
    return head + box(b"mdat", bytes(sum(sizes))) + moov


@pytest.fixture(scope="module")
def hevc_entry(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    # FFmpeg doesn't look into the media of HEVC to tell times and key frames. Of clips of
    # two frames, x265 makes some that FFmpeg refuses, as the memory was before.
    path = tmp_path_factory.mktemp("hevc") / "clip.mp4"
    options = {"x265-params": "log-level=none"}
    return sample_entry(clip(path, codec="libx265", frames=12, **options))


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
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(options=tables())
def test_any_sample_table(hevc_entry: bytes, options: dict) -> None:
    data = movie(entry=hevc_entry, **options)
    try:
        scan(data)
    except BoxesUnsupported:
        return
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


# --- What is refused -------------------------------------------------------------------


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
    if (kind, count) != (b"ctts", 0):
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
    return clip(tmp_path_factory.mktemp("victim") / "clip.mp4", **CLIPS[request.param])


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
