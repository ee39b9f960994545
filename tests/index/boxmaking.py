r"""Files of boxes for the scanner: those that PyAV writes, and others made box by box."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from temporaldata_video.index.boxes import scan_boxes
from temporaldata_video.index.packets import SegmentIndex

IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)


def scan(data: bytes) -> tuple[SegmentIndex, int]:
    r"""Returns the index of a file, and how many bytes of it were read."""
    lengths = []

    def read(start: int, length: int) -> bytes:
        lengths.append(length)
        return data[start : start + length]

    return scan_boxes(read, len(data)), sum(lengths)


# --- Clips that PyAV makes -------------------------------------------------------------


def noise_clip(
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
