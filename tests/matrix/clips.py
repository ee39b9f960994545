r"""Short clips, each encoded once: one for each codec and structure that FFmpeg encodes.

There is no clip of field pairs (PAFF), two pictures that make one frame: none of these
encoders makes them. What x264 calls interlaced is MBAFF, fields within one picture.
"""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np

from temporaldata_video.testing import paint_number
from temporaldata_video.testing._clips import _scheduling_kept

# B-frames by two and by three fit in, so that open groups have leading pictures.
GOP = 12


_REORDERED = ("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video")


@dataclass(frozen=True, eq=False)
class Clip:
    r"""What is encoded.

    Args:
        name: of codec and structure.
        codec: FFmpeg's name of the codec.
        encoder: FFmpeg's name of the encoder.
        options: of the encoder.
        pixel_format: FFmpeg's name.
        size: height and width in pixels.
        n_frames: number of frames.
        rate: frames per second.
        source: the container that its packets are copied from.
        hidden: whether some of its packets show nothing.
        varied: whether it is muxed with times of all kinds.
    """

    name: str
    codec: str
    encoder: str
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (48, 64)
    n_frames: int = 40
    rate: Fraction = Fraction(25)
    source: str = "nut"
    hidden: bool = False
    varied: bool = False

    @property
    def b_frames(self) -> bool:
        r"""Whether packets are decoded in another order than their frames are shown in."""
        return self.codec in _REORDERED and (" B" in self.name or "pyramid" in self.name)


@dataclass(frozen=True, eq=False)
class Encoded:
    r"""Packets in decoding order, and the stream that tells a muxer what they are.

    Args:
        packets: as the demuxer of :attr:`Clip.source` gives them.
        pts: of each packet as encoded, in frames.
        dts: of each packet as encoded, in frames.
        template: the stream that the packets are of.
        hidden: the packets that show nothing, by number.
    """

    packets: list[av.Packet]
    pts: list[int]
    dts: list[int]
    template: av.VideoStream
    hidden: list[int]


def _x264(name: str, *, varied: bool = False, params: str = "", **options: str) -> Clip:
    told = {"preset": "veryfast", "g": str(GOP), "keyint_min": str(GOP), "crf": "20"}
    # Scene cuts and adaptive B-frames would make structures of their own.
    told |= {"sc_threshold": "0", "b_strategy": "0", "bf": "0"} | options
    fixed = "open-gop=0:rc-lookahead=4"
    told["x264-params"] = f"{fixed}:{params}" if params else fixed
    return Clip(name, "h264", "libx264", told, source="mp4", varied=varied)


def _x265(name: str, params: str, *, varied: bool = False) -> Clip:
    fixed = f"log-level=none:pools=none:frame-threads=1:wpp=0:keyint={GOP}"
    fixed += f":min-keyint={GOP}:scenecut=0:b-adapt=0:rc-lookahead=6"
    told = {"preset": "ultrafast", "crf": "20", "x265-params": f"{fixed}:{params}"}
    return Clip(name, "hevc", "libx265", told, source="mp4", varied=varied)


def _mpeg(
    name: str, encoder: str, b_frames: int = 0, flags: str = "", varied: bool = False
) -> Clip:
    told = {"g": str(GOP), "bf": str(b_frames), "sc_threshold": "1000000000", "qscale": "3"}
    if flags:
        told["flags"] = flags
    return Clip(name, encoder, encoder, told, source="mp4", varied=varied)


# What cameras, labs and the web write.
MAIN = (
    _x264("h264", varied=True),
    _x264("h264 B", bf="2", varied=True),
    _x264("h264 B open", params="open-gop=1", bf="2"),
    _x264("h264 pyramid", params="b-pyramid=normal", bf="3"),
    _x264("h264 pyramid open", params="open-gop=1:b-pyramid=normal", bf="3", varied=True),
    _x264("h264 MBAFF", params="interlaced=1:tff=1", flags="+ildct+ilme"),
    _x264("h264 MBAFF B", params="tff=1", bf="2", flags="+ildct+ilme", varied=True),
    _x264("h264 refresh", params="intra-refresh=1"),
    _x264("h264 intra", g="1", keyint_min="1"),
    _x265("hevc", "bframes=0"),
    _x265("hevc B", "bframes=2:open-gop=0:b-pyramid=0"),
    _x265("hevc B open", "bframes=2:open-gop=1:b-pyramid=0", varied=True),
    _x265("hevc fields", "bframes=0:interlace=tff"),
    _x265("hevc pyramid", "bframes=4:open-gop=0:b-pyramid=1"),
    _x265("hevc pyramid open", "bframes=4:open-gop=1:b-pyramid=1"),
    _mpeg("mpeg4", "mpeg4"),
    _mpeg("mpeg4 B open", "mpeg4", 2, varied=True),
    _mpeg("mpeg4 B closed", "mpeg4", 2, "+cgop"),
    _mpeg("mpeg4 interlaced B open", "mpeg4", 2, "+ildct+ilme"),
    _mpeg("mpeg2video", "mpeg2video"),
    _mpeg("mpeg2video B open", "mpeg2video", 2, varied=True),
    _mpeg("mpeg2video B closed", "mpeg2video", 2, "+cgop"),
    _mpeg("mpeg2video interlaced B open", "mpeg2video", 2, "+ildct+ilme"),
    _mpeg("mpeg1video", "mpeg1video"),
    _mpeg("mpeg1video B open", "mpeg1video", 2),
)
_VPX = {"g": str(GOP), "keyint_min": str(GOP), "deadline": "good", "cpu-used": "5"}
_AV1 = {"preset": "8", "crf": "20", "g": str(GOP)}
WEB = (
    Clip("vp8", "vp8", "libvpx", _VPX),
    Clip("vp8 hidden", "vp8", "libvpx", _VPX, hidden=True, varied=True),
    Clip("vp9", "vp9", "libvpx-vp9", _VPX, source="mp4"),
    Clip(
        *("vp9 hidden", "vp9", "libvpx-vp9", _VPX), source="mp4", hidden=True, varied=True
    ),
    Clip(
        *("av1", "av1", "libsvtav1", _AV1 | {"svtav1-params": "lp=1:pred-struct=1"}),
        *("yuv420p", (64, 64)),
        source="mp4",
    ),
    Clip(
        *("av1 pyramid", "av1", "libsvtav1", _AV1 | {"svtav1-params": "lp=1"}),
        *("yuv420p", (64, 64)),
        source="mp4",
        varied=True,
    ),
)
_GROUP = {"g": str(GOP)}
# Every picture alone, but for those with a group; nothing is lost in most of them.
PLAIN = (
    Clip("mjpeg", "mjpeg", "mjpeg", {"qscale": "3"}, "yuvj420p", varied=True),
    Clip("ffv1", "ffv1", "ffv1", {"g": "1"}),
    Clip("ffv1 group", "ffv1", "ffv1", _GROUP),
    Clip("prores", "prores", "prores_ks", {}, "yuv422p10le", source="mov"),
    Clip(
        "prores interlaced",
        "prores",
        "prores_ks",
        {"flags": "+ildct"},
        "yuv422p10le",
        source="mov",
    ),
    Clip(
        "dnxhd", "dnxhd", "dnxhd", {"profile": "1"}, "yuv422p", (256, 256), 12, source="mov"
    ),
    Clip("huffyuv", "huffyuv", "huffyuv", {}, "yuv422p"),
    Clip("ffvhuff", "ffvhuff", "ffvhuff"),
    Clip("utvideo", "utvideo", "utvideo", {}, "gbrp"),
    Clip("magicyuv", "magicyuv", "magicyuv", {}, "gbrp"),
    Clip("rawvideo", "rawvideo", "rawvideo"),
    Clip("rawvideo rgb", "rawvideo", "rawvideo", {}, "rgb24"),
    Clip("rawvideo gray", "rawvideo", "rawvideo", {}, "gray"),
    Clip("rawvideo palette", "rawvideo", "rawvideo", {}, "pal8", source="avi"),
    Clip("v210", "v210", "v210", {}, "yuv422p10le"),
    Clip("png", "png", "png", {}, "rgb24"),
    Clip("png palette", "png", "png", {}, "pal8"),
    Clip("tiff", "tiff", "tiff", {}, "rgb24", source="mov"),
    Clip("jpeg2000", "jpeg2000", "jpeg2000", {}, "rgb24"),
    Clip("jpegls", "jpegls", "jpegls", {}, "rgb24"),
    Clip("ljpeg", "ljpeg", "ljpeg", {"strict": "-1"}, "yuvj420p"),
    Clip("qtrle", "qtrle", "qtrle", _GROUP, "rgb24", source="mov"),
    Clip("smc", "smc", "smc", _GROUP, "pal8", source="mov"),
    Clip("msrle", "msrle", "msrle", _GROUP, "pal8", source="avi"),
    Clip("msvideo1", "msvideo1", "msvideo1", _GROUP, "rgb555le"),
    Clip("cinepak", "cinepak", "cinepak", _GROUP, "rgb24", n_frames=20),
    Clip("flashsv", "flashsv", "flashsv", _GROUP, "bgr24", source="flv"),
    Clip("flashsv2", "flashsv2", "flashsv2", _GROUP, "bgr24", source="flv"),
    Clip("zmbv", "zmbv", "zmbv", _GROUP, "bgr0"),
    Clip("snow", "snow", "snow", _GROUP | {"strict": "-2"}),
    Clip("svq1", "svq1", "svq1", _GROUP, "yuv410p"),
    Clip(
        "dvvideo", "dvvideo", "dvvideo", {}, "yuv411p", (480, 720), 6, Fraction(30000, 1001)
    ),
    Clip("cfhd", "cfhd", "cfhd", {}, "yuv422p10le"),
    Clip("h261", "h261", "h261", _GROUP, "yuv420p", (144, 176), 20, Fraction(30000, 1001)),
    Clip("h263", "h263", "h263", _GROUP, "yuv420p", (96, 128), rate=Fraction(30000, 1001)),
    Clip("flv1", "flv1", "flv", _GROUP),
    Clip("wmv1", "wmv1", "wmv1", _GROUP),
    Clip("wmv2", "wmv2", "wmv2", _GROUP),
    Clip("msmpeg4v2", "msmpeg4v2", "msmpeg4v2", _GROUP),
    Clip("msmpeg4v3", "msmpeg4v3", "msmpeg4", _GROUP),
    Clip("rpza", "rpza", "rpza", _GROUP, "rgb555le"),
    Clip("asv1", "asv1", "asv1"),
    Clip("speedhq", "speedhq", "speedhq"),
    Clip("gif", "gif", "gif", {}, "rgb8"),
    Clip("apng", "apng", "apng", {}, "rgb24", source="apng"),
)
CLIPS = {clip.name: clip for clip in (*MAIN, *WEB, *PLAIN)}


@functools.cache
def encode(clip: Clip) -> Encoded:
    r"""Returns the packets of a clip, encoded at the first call."""
    # SVT-AV1 writes past FFmpeg's log.
    os.environ.setdefault("SVT_LOG", "1")
    file = io.BytesIO()
    with _scheduling_kept(), av.open(file, "w", format=clip.source) as container:
        stream = container.add_stream(clip.encoder, clip.rate, clip.options)
        stream.height, stream.width = clip.size
        stream.pix_fmt = clip.pixel_format
        stream.codec_context.thread_count = 1
        packets = []
        for k in range(clip.n_frames):
            frame = _frame(clip, k)
            frame.pts, frame.time_base = k, 1 / clip.rate
            packets += stream.encode(frame)
        packets += stream.encode(None)
        times = [(p.pts, p.dts) for p in packets]
        for packet in packets:
            container.mux(packet)
    file.seek(0)
    source = av.open(file)
    template = source.streams.video[0]
    found = [packet for packet in source.demux(template) if packet.size]
    if len(found) != len(times):
        raise RuntimeError(f"{clip.name}: {len(times)} packets became {len(found)}")
    pts, dts = map(list, zip(*times))
    hidden = [
        k for k, packet in enumerate(found) if clip.hidden and _can_hide(clip, packet, k)
    ]
    for k in hidden:
        found[k] = _hidden(clip, found[k])
    return Encoded(found, pts, dts, template, hidden)


def _frame(clip: Clip, number: int) -> av.VideoFrame:
    picture = paint_number(number, *clip.size)
    if clip.pixel_format != "pal8":
        return av.VideoFrame.from_ndarray(picture, format="rgb24")
    # No two entries of the palette are alike, and none is the grey of its number.
    ramp = np.arange(256, dtype=np.uint8)
    palette = np.stack([ramp * 0 + 255, 255 - ramp, ramp // 2, ramp], axis=1)
    return av.VideoFrame.from_ndarray((picture[..., 0].copy(), palette), format="pal8")


# libvpx makes packets that show nothing in its second pass, which PyAV has no way to ask
# for. In these a bit more or less is all the difference.
def _can_hide(clip: Clip, packet: av.Packet, number: int) -> bool:
    return number % 5 == 4 if clip.codec == "vp8" else number > 0 and packet.is_keyframe


def _hidden(clip: Clip, packet: av.Packet) -> av.Packet:
    data = bytearray(packet)
    data[0] &= ~0x10 if clip.codec == "vp8" else ~0x02
    changed = av.Packet(bytes(data))
    changed.is_keyframe = packet.is_keyframe
    return changed
