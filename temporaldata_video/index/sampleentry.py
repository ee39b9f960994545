r"""What a video track's sample entry (``stsd``) says of codec, size and colour."""

from __future__ import annotations

from typing import NamedTuple

from .boxtree import Box, BoxesUnsupported, children, fields, name
from .sps import h264_size, hevc_size

CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"av01": "av1",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"XVID": "mpeg4",
    b"DIVX": "mpeg4",
    b"s263": "h263",
    b"h263": "h263",
    b"jpeg": "mjpeg",
    b"mjpa": "mjpeg",
    b"apch": "prores",
    b"apcn": "prores",
    b"apcs": "prores",
    b"apco": "prores",
    b"ap4h": "prores",
    b"ap4x": "prores",
}
# Sample entries that FFmpeg doesn't take for video, whatever the handler of the track.
NOT_VIDEO = frozenset(
    b"mebx mett metx tmcd text tx3g wvtt stpp stxt sbtt c608 mp4s urim camm".split()
)
# Every frame is a key frame to FFmpeg, whatever 'stss' says.
INTRA_ONLY = frozenset(("mjpeg", "prores"))
# FFmpeg copies decoding times from composition times, except where frames can reorder.
REORDERING = frozenset(("h264", "hevc"))
# Boxes that hold a codec's configuration, and the codecs that they may belong to here.
CONFIGURATIONS = {
    b"avcC": ("h264",),
    b"hvcC": ("hevc",),
    b"av1C": ("av1",),
    b"esds": ("mpeg4",),
    b"glbl": ("mpeg4",),
}
CONFIGURED = frozenset(codec for codecs in CONFIGURATIONS.values() for codec in codecs)
# Boxes that tell of encryption, or that FFmpeg adds to the configuration.
UNKNOWN_CONFIGURATIONS = frozenset(
    b"sinf frma strf jp2h vvcC evcC dvc1 wave avss ARES ACLR APRG AALP DpxE".split()
)
MPEG4_VISUAL, MJPEG = 0x20, 0x6C
# Code points that FFmpeg has a name for; it takes others for 2, unspecified.
PRIMARIES = frozenset((*range(13), 22))
TRANSFERS = frozenset(range(19))
MATRICES = frozenset(range(18))


class SampleEntry(NamedTuple):
    r"""A video sample entry; see :obj:`~temporaldata_video.types.StreamInfo`."""

    codec: str
    codec_tag: int
    extradata: bytes
    width: int
    height: int
    color_primaries: int
    color_trc: int
    color_space: int
    color_range: int


def read_sample_entry(entry: Box) -> SampleEntry:
    r"""Returns what a visual sample entry says.

    Args:
        entry: the sample entry.

    Raises:
        BoxesUnsupported: if the codec is not known here, is encrypted, or has its
            configuration elsewhere.
    """
    codec = CODECS.get(entry.kind)
    if codec is None:
        raise BoxesUnsupported(f"the codec {name(entry.kind)!r} is not known")
    width, height = fields(entry, "HH", 24)
    extensions = list(children(entry, skip=78))
    codec, extradata = _configuration(codec, extensions)
    if codec == "h264":
        width, height = h264_size(extradata, width, height)
    elif codec == "hevc":
        width, height = hevc_size(extradata)
    if not (width and height):
        raise BoxesUnsupported("the track has no picture size")
    tag = int.from_bytes(entry.kind, "little")
    return SampleEntry(codec, tag, extradata, width, height, *_colour(extensions))


def _configuration(codec: str, extensions: list[Box]) -> tuple[str, bytes]:
    r"""Returns the codec, which MPEG-4 names in ``esds`` alone, and its configuration."""
    found = [box for box in extensions if box.kind in CONFIGURATIONS]
    alien = [box for box in extensions if box.kind in UNKNOWN_CONFIGURATIONS]
    if alien or len(found) > 1 or any(codec not in CONFIGURATIONS[b.kind] for b in found):
        raise BoxesUnsupported("the codec is configured in an unknown way, or encrypted")
    extradata = found[0].payload if found else b""
    if found and found[0].kind == b"esds":
        codec, extradata = _elementary_stream(extradata)
    if codec in CONFIGURED and not extradata:
        raise BoxesUnsupported("the codec's configuration is not in the sample entry")
    return codec, extradata


def _elementary_stream(esds: bytes) -> tuple[str, bytes]:
    r"""Returns codec and decoder configuration of ``esds`` (ISO/IEC 14496-1, 7.2.6)."""
    stream = _descriptor(esds[4:], 3)
    flags = stream[2:3] or b"\0"
    if flags[0] & 0xE0:
        raise BoxesUnsupported("'esds' describes a dependent stream")
    config = _descriptor(stream[3:], 4)
    kind, specific = config[:1], config[13:]
    if kind == bytes([MJPEG]) and not specific:
        return "mjpeg", b""
    if kind != bytes([MPEG4_VISUAL]):
        raise BoxesUnsupported("'esds' tells of an unknown codec")
    return "mpeg4", _descriptor(specific, 5)


def _descriptor(data: bytes, tag: int) -> bytes:
    r"""Returns the contents of the descriptor with which the bytes begin."""
    length, at = 0, 1
    for byte in data[1:5]:
        length, at = length << 7 | byte & 127, at + 1
        if byte < 128:
            break
    if data[:1] != bytes([tag]) or at + length > len(data):
        raise BoxesUnsupported("'esds' makes no sense")
    return data[at : at + length]


def _colour(extensions: list[Box]) -> tuple[int, int, int, int]:
    r"""Returns primaries, transfer, matrix and range from ``colr`` and ``vpcC``."""
    primaries, transfer, matrix, full = 2, 2, 2, 0
    for box in extensions:
        if box.kind == b"colr" and box.payload[:4] in (b"nclx", b"nclc"):
            primaries, transfer, matrix = fields(box, "HHH", 4)
            if box.payload[:4] == b"nclx":
                full = 1 + (fields(box, "B", 10)[0] >> 7)
        elif box.kind == b"vpcC" and fields(box, "B")[0] == 1:
            full, primaries, transfer, matrix = fields(box, "BBBB", 6)
            full = 1 + (full & 1)
    return (
        primaries if primaries in PRIMARIES else 2,
        transfer if transfer in TRANSFERS else 2,
        matrix if matrix in MATRICES else 2,
        full,
    )
