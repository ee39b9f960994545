r"""Packets put into every container that takes them, with true times and with others."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.bitstream import BitStreamFilterContext

from .clips import GOP, Clip, Encoded, encode

# Ticks of the times that a muxer is given, and each packet's pts and dts in them.
Times = tuple[Fraction, list[int | None], list[int]]


class CannotWriteError(Exception):
    r"""FFmpeg refuses to write a file."""


# Times -----------------------------------------------------------------------------------


def _in_ticks(time_base: Fraction, ticks: Callable[[int], int]) -> Callable[..., Times]:
    def times(clip: Clip, pts: list[int], dts: list[int]) -> Times:
        return time_base, [ticks(k) for k in pts], [ticks(k) for k in dts]

    return times


def _shifted(frames: int) -> Callable[..., Times]:
    def times(clip: Clip, pts: list[int], dts: list[int]) -> Times:
        return 1 / clip.rate, [k + frames for k in pts], [k + frames for k in dts]

    return times


def _pts_as_dts(clip: Clip, pts: list[int], dts: list[int]) -> Times:
    return 1 / clip.rate, list(dts), dts


def _equal_pts(clip: Clip, pts: list[int], dts: list[int]) -> Times:
    # Frames 2n and 2n + 1 are said to be shown at once, behind all of their dts.
    return 1 / clip.rate, [k // 2 * 2 + 4 for k in pts], dts


def _no_pts(clip: Clip, pts: list[int], dts: list[int]) -> Times:
    return 1 / clip.rate, [None for _ in pts], dts


@dataclass(frozen=True, eq=False)
class Variant:
    r"""How packets are given to a muxer.

    Args:
        name: of the variant.
        times: from clip, pts and dts in frames to times in ticks.
        first: number of the packet that the file begins with; ``"key"`` for the second
            key frame.
        options: of the muxer.
        joined: whether the file goes on with its beginning as another file does.
    """

    name: str
    times: Callable[[Clip, list[int], list[int]], Times] = _shifted(0)
    first: int | str = 0
    options: dict[str, str] = field(default_factory=dict)
    joined: bool = False


_NEGATIVE = {"avoid_negative_ts": "disabled"}
_TIMED = (
    Variant("true"),
    Variant("ms", _in_ticks(Fraction(1, 1000), lambda k: round(Fraction(1001, 30) * k))),
    Variant("90k", _in_ticks(Fraction(1, 90_000), lambda k: 3003 * k)),
    Variant("pts as dts", _pts_as_dts),
    # Of 2000 frames a second two have the same millisecond.
    Variant("coarse", _in_ticks(Fraction(1, 1000), lambda k: k // 2)),
    Variant("equal pts", _equal_pts),
    Variant("no pts", _no_pts),
    Variant("negative", _shifted(-7), options=_NEGATIVE),
    # As copied from the middle of a group: FFmpeg goes back to its key frame.
    Variant("cut", _shifted(-GOP - 4), "key", _NEGATIVE),
    # As a capture that begins anywhere.
    Variant("headless", _shifted(-GOP - 3), GOP + 3),
    Variant("late", _shifted(100)),
    Variant("joined", joined=True),
)
_EDITS = (
    Variant("no edit list", options={"use_editlist": "0"}),
    Variant("edit list", _shifted(100), options={"use_editlist": "1"}),
    Variant("negative ctts", options={"movflags": "+negative_cts_offsets"}),
)
_FRAGMENTS = (
    Variant("delayed moov", options={"movflags": "+frag_keyframe+delay_moov"}),
    Variant("each frame", options={"movflags": "+frag_every_frame+empty_moov"}),
    Variant("cmaf", options={"movflags": "+cmaf+frag_keyframe"}),
)
VARIANTS = {v.name: v for v in (*_TIMED, *_EDITS, *_FRAGMENTS)}


def _but(*names: str) -> tuple[Variant, ...]:
    return tuple(v for v in _TIMED if v.name not in names)


_UNTIMED = tuple(VARIANTS[name] for name in ("true", "headless", "joined"))
# Most muxers want each dts above the one before.
_STRICT = _but("coarse")


# Containers ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Container:
    r"""Where packets are put.

    Args:
        name: of the column.
        format: FFmpeg's name of the muxer.
        suffix: of the file.
        codecs: those that it takes.
        options: of the muxer.
        variants: those that make a difference in it.
        in_band: whether headers of codecs have to be in the packets.
        keeps_tags: whether a codec's tag says what kind of it this is.
        join: from the bytes of two files to those of one.
    """

    name: str
    format: str
    suffix: str
    codecs: frozenset[str]
    options: dict[str, str] = field(default_factory=dict)
    variants: tuple[Variant, ...] = _TIMED
    in_band: bool = False
    keeps_tags: bool = False
    join: Callable[[bytes, bytes], bytes] = bytes.__add__


def _from(mark: bytes, offset: int = 0) -> Callable[[bytes, bytes], bytes]:
    # The second file without its header, as servers cut streams and players join them.
    return lambda first, second: first + second[second.index(mark) + offset :]


def _codecs(names: str) -> frozenset[str]:
    return frozenset(names.split())


_MPEG = _codecs("h264 hevc mpeg4 mpeg2video mpeg1video")
_ISO = _MPEG | _codecs("vp9 av1 mjpeg ffv1 png jpeg2000 ljpeg")
_RIFF = _codecs(
    "mpeg4 mpeg2video mpeg1video vp8 vp9 av1 mjpeg ffv1 huffyuv ffvhuff utvideo magicyuv "
    "rawvideo v210 png jpeg2000 jpegls ljpeg msvideo1 cinepak flashsv zmbv snow svq1 "
    "dvvideo cfhd h261 h263 flv1 wmv1 wmv2 msmpeg4v2 msmpeg4v3 rpza asv1 speedhq "
    "h264 msrle"
)
_FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
WHOLE = (
    Container("mp4", "mp4", ".mp4", _ISO, variants=(*_STRICT, *_EDITS)),
    Container(
        *("fragmented mp4", "mp4", ".mp4", _ISO, _FRAGMENTED),
        variants=(*_STRICT, *_FRAGMENTS),
        join=_from(b"moof", -4),
    ),
    Container(
        *("mov", "mov", ".mov"),
        _MPEG
        | _codecs(
            "mjpeg prores dnxhd magicyuv rawvideo v210 png jpeg2000 ljpeg qtrle "
            "cinepak svq1 dvvideo cfhd h263 msmpeg4v3 rpza gif tiff smc msrle"
        ),
        variants=(*_TIMED[:1], *_EDITS),
    ),
    Container(
        "3gp", "3gp", ".3gp", frozenset(["h264", "mpeg4", "h263"]), variants=_TIMED[:1]
    ),
    Container(
        *("mkv", "matroska", ".mkv"),
        _MPEG | _codecs("vp8 vp9 av1 mjpeg ffv1 prores jpeg2000 ljpeg snow msmpeg4v3"),
        # Of unknown length, so that clusters may follow.
        {"live": "1"},
        join=_from(b"\x1f\x43\xb6\x75"),
    ),
    Container("webm", "webm", ".webm", frozenset(["vp8", "vp9", "av1"])),
    Container(
        *("avi", "avi", ".avi", _RIFF), variants=_STRICT, in_band=True, keeps_tags=True
    ),
    Container(
        *("flv", "flv", ".flv"),
        _codecs("h264 hevc vp9 av1 flashsv flashsv2 flv1"),
        join=_from(b"FLV", 13),
    ),
    Container("ts", "mpegts", ".ts", _MPEG, variants=_STRICT, in_band=True),
    Container(
        *("m2ts", "mpegts", ".m2ts", _MPEG, {"mpegts_m2ts_mode": "1"}),
        variants=_TIMED[:1],
        in_band=True,
    ),
    Container("mpg", "mpeg", ".mpg", _MPEG, variants=_STRICT, in_band=True),
    Container("vob", "vob", ".vob", _MPEG, variants=_TIMED[:1], in_band=True),
    Container(
        *("asf", "asf", ".asf", _RIFF),
        variants=_STRICT,
        in_band=True,
        keeps_tags=True,
    ),
    Container(
        *("nut", "nut", ".nut", _RIFF | {"hevc", "gif"}),
        variants=_but("coarse", "negative", "cut"),
        keeps_tags=True,
    ),
    Container("avif", "avif", ".avif", frozenset(["av1"]), variants=_TIMED[:1]),
    Container("ogg", "ogg", ".ogg", frozenset(["vp8"])),
    Container("mxf", "mxf", ".mxf", frozenset(["h264", "mpeg2video", "dvvideo"])),
    Container(
        *("swf", "swf", ".swf", frozenset(["mjpeg", "ljpeg", "flashsv", "flv1"])),
        variants=_but("coarse", "ms", "90k"),
    ),
    Container("ivf", "ivf", ".ivf", frozenset(["vp8", "vp9", "av1"]), variants=_STRICT),
)
# Packets of one codec one after the other: codec, muxer and suffix.
_ELEMENTARY = (
    *(("h264", "h264", ".h264"), ("hevc", "hevc", ".hevc"), ("mpeg4", "m4v", ".m4v")),
    *(("mpeg2video", "mpeg2video", ".m2v"), ("mpeg1video", "mpeg1video", ".m1v")),
    *(("av1", "obu", ".obu"), ("mjpeg", "mjpeg", ".mjpeg"), ("ljpeg", "mjpeg", ".mjpeg")),
    *(("h263", "h263", ".h263"), ("dvvideo", "dv", ".dv"), ("gif", "gif", ".gif")),
    *(("apng", "apng", ".apng"), ("rawvideo", "yuv4mpegpipe", ".y4m")),
)
# Containers that hardly anybody puts video into: one codec each.
_OTHERS = (
    *(("mpeg2video", "wtv", ".wtv"), ("dnxhd", "dnxhd", ".dnxhd")),
    *(("h261", "h261", ".h261"), ("png", "image2pipe", ".png")),
)
ELEMENTARY, OTHER = "elementary", "other"
COLUMNS = [*(container.name for container in WHOLE), ELEMENTARY, OTHER]
# Pixel formats that a muxer has no name for.
_NOT_TAKEN = {
    *(("rawvideo rgb", "asf"), ("rawvideo rgb", "yuv4mpegpipe")),
    *(("rawvideo palette", "asf"), ("rawvideo palette", "yuv4mpegpipe")),
}


def containers_of(clip: Clip) -> list[Container]:
    r"""Returns the containers that a clip is put into."""
    found = [container for container in WHOLE if clip.codec in container.codecs]
    for name, kinds in ((ELEMENTARY, _ELEMENTARY), (OTHER, _OTHERS)):
        for codec, muxer, suffix in kinds:
            if codec == clip.codec:
                only = frozenset([codec])
                found.append(
                    Container(name, muxer, suffix, only, variants=_UNTIMED, in_band=True)
                )
    return [one for one in found if (clip.name, one.format) not in _NOT_TAKEN]


# Further times and beginnings that muxers refuse: of which codecs, or of B-frames.
_NOT_WRITTEN = {
    **{(name, "no pts"): frozenset(["B"]) for name in ("flv", "mkv", "nut", "ts")},
    **{("mxf", name): frozenset(["h264"]) for name in ("cut", "headless", "joined")},
    ("ivf", "headless"): frozenset(["av1"]),
    (ELEMENTARY, "headless"): frozenset(["av1"]),
}


def variants_of(clip: Clip, container: Container) -> Iterator[Variant]:
    r"""Yields the variants of a clip in a container that FFmpeg writes."""
    for variant in container.variants if clip.varied else container.variants[:1]:
        refused = _NOT_WRITTEN.get((container.name, variant.name), frozenset())
        if clip.codec not in refused and not (clip.b_frames and "B" in refused):
            yield variant


# Writing ---------------------------------------------------------------------------------

# What puts headers of a codec into its packets.
_IN_BAND = {
    "h264": "h264_mp4toannexb",
    "hevc": "hevc_mp4toannexb",
    "mpeg4": "dump_extra=freq=keyframe",
}


def written(clip: Clip, container: Container, variant: Variant) -> bytes:
    r"""Returns the bytes of a file.

    Args:
        clip: what is in it.
        container: what it is in.
        variant: how its packets are given to the muxer.

    Raises:
        CannotWriteError: if FFmpeg does not write it.
    """
    encoded = encode(clip)
    keys = [k for k, packet in enumerate(encoded.packets) if packet.is_keyframe]
    first = keys[1] if variant.first == "key" else variant.first
    whole = _muxed(clip, encoded, container, variant, first)
    if not variant.joined:
        return whole
    middle = keys[len(keys) // 2] if len(keys) > 1 else len(encoded.packets) // 2
    rest = _muxed(clip, encoded, container, variant, middle, -middle)
    return container.join(whole, rest)


def _muxed(
    clip: Clip,
    encoded: Encoded,
    container: Container,
    variant: Variant,
    first: int,
    earlier: int = 0,
) -> bytes:
    file = io.BytesIO()
    options = {"fflags": "+bitexact"} | container.options | variant.options
    packets = encoded.packets[first:]
    pts, dts = ([k + earlier for k in each[first:]] for each in (encoded.pts, encoded.dts))
    time_base, *times = variant.times(clip, pts, dts)
    try:
        with av.open(file, "w", format=container.format, container_options=options) as out:
            stream = out.add_stream_from_template(encoded.template, opaque=True)
            with contextlib.suppress(RuntimeError):  # PyAV 14 forbids it
                stream.time_base = time_base
            change = _packet_filter(clip, encoded, container, stream)
            if container.keeps_tags and clip.source == "nut":
                stream.codec_context.codec_tag = encoded.template.codec_context.codec_tag
            for packet, shown, decoded in zip(packets, *times):
                for ready in change(packet):
                    ready.stream = stream
                    ready.pts, ready.dts, ready.time_base = shown, decoded, time_base
                    ready.duration = 1 if time_base == 1 / clip.rate else 0
                    out.mux(ready)
    except (av.error.FFmpegError, ValueError) as error:
        raise CannotWriteError(str(error).partition(";")[0]) from error
    return file.getvalue()


def _packet_filter(
    clip: Clip, encoded: Encoded, container: Container, stream: av.VideoStream
) -> Callable[[av.Packet], list[av.Packet]]:
    if not container.in_band or clip.codec not in _IN_BAND:
        return lambda packet: [packet]
    change = BitStreamFilterContext(_IN_BAND[clip.codec], encoded.template, stream)

    def changed(packet: av.Packet) -> list[av.Packet]:
        # A filter empties the packet that it is given.
        copy = av.Packet(bytes(packet))
        copy.is_keyframe = packet.is_keyframe
        return change.filter(copy)

    return changed
