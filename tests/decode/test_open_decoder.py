r"""What only the container says of a stream reaches a decoder that has no container."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode.decode import open_decoder
from temporaldata_video._decode.read_file import VideoFile, read_frames
from temporaldata_video._index.chroma import chroma_location
from temporaldata_video._pixels.convert import OutputFormat
from temporaldata_video._tools.write_index import build_segment
from temporaldata_video.testing import make_clip
from temporaldata_video.types import FIELD_ORDERS

from .frames import reference

N, HEIGHT, WIDTH = 6, 96, 128
SMALL = OutputFormat((50, 70))
PLAIN = OutputFormat()


def pictures(height: int = HEIGHT) -> list[av.VideoFrame]:
    r"""Coarse noise, so that chroma is strong and survives compression."""
    rng = np.random.default_rng(0)
    frames = []
    for number in range(N):
        blocks = rng.integers(0, 256, (height // 8, WIDTH // 8, 3), np.uint8)
        pixels = blocks.repeat(8, axis=0).repeat(8, axis=1)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts = number
        frames.append(frame)
    return frames


def encoded(path: Path, codec: str, pixel_format: str, **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.thread_count = 1
        for frame in [*pictures(), None]:
            container.mux(stream.encode(frame))
    return path


def in_two_fields(path: Path, field_order: str) -> Path:
    r"""Motion JPEG whose packets are two pictures; the container says their order."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT // 2, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    fields = [
        bytes(packet)
        for frame in [*pictures(HEIGHT // 2), None]
        for packet in encoder.encode(frame and frame.reformat(format="yuvj420p"))
    ]
    with av.open(str(path), "w") as container:
        options = {"field_order": field_order}
        stream = container.add_stream("mjpeg", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        container.start_encoding()
        for number in range(N // 2):
            packet = av.Packet(b"".join(fields[2 * number : 2 * number + 2]))
            packet.pts = packet.dts = number * stream.time_base.denominator // 25
            packet.duration = stream.time_base.denominator // 25
            packet.time_base, packet.stream = stream.time_base, stream
            packet.is_keyframe = True
            container.mux(packet)
    return path


def decoded(path: Path) -> tuple[list[av.VideoFrame], int]:
    r"""Returns the frames that the container's own decoder gives, and their field order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        order = getattr(stream.codec_context, "field_order", 0)
        stream.codec_context.thread_count = 1
        return list(container.decode(stream)), order


def differing(path: Path, output: OutputFormat, **facts: str) -> int:
    r"""Returns how many frames, read by packet, are other ones than the container's."""
    segment = build_segment(LocalStore(), str(path))
    stream = replace(segment.stream, readable_by_packet=True, **facts)
    segment = replace(segment, stream=stream)
    truth, _ = decoded(path)
    shape = output.frame_shape(*segment.stream.display_size)
    pixels = np.zeros((len(truth), *shape), np.uint8)
    file = VideoFile(str(path), segment, LocalStore())
    assert not read_frames(file, np.arange(len(truth)), output, pixels.__getitem__)
    pairs = zip(truth, pixels)
    return sum(not np.array_equal(reference(frame, output), p) for frame, p in pairs)


@pytest.mark.parametrize("location", ["left", "topleft"])
def test_where_chroma_lies(tmp_path, location):
    path = encoded(
        *(tmp_path / "cam.webm", "libvpx-vp9", "yuv420p"), chroma_sample_location=location
    )
    found = chroma_location(decoded(path)[0][0])
    assert found == (location if int(av.__version__.split(".")[0]) >= 17 else "")
    assert differing(path, SMALL, chroma_location="") == (N if found else 0)
    assert differing(path, SMALL, chroma_location=found) == 0


@pytest.mark.parametrize("order", ["tt", "bb"])
def test_which_field_comes_first(tmp_path, order):
    path = in_two_fields(tmp_path / "cam.mov", order)
    truth, known = decoded(path)
    assert len(truth) == N // 2
    assert FIELD_ORDERS[known] in ("", order)
    other = {"tt": "bb", "bb": "tt"}[order]
    assert differing(path, PLAIN, field_order=other) == N // 2
    assert differing(path, PLAIN, field_order=order) == 0


@pytest.mark.parametrize(
    ("codec", "suffix", "options"),
    [
        ("libx264", ".mp4", {"x264-params": "interlaced=1:tff=1"}),
        ("mpeg2video", ".mp4", {"flags": "+ildct+ilme"}),
        ("prores_ks", ".mov", {"flags": "+ildct"}),
    ],
)
@pytest.mark.parametrize("output", [PLAIN, SMALL, OutputFormat(None, "G", "NHWC")], ids=str)
def test_two_fields_in_one_picture(tmp_path, codec, suffix, options, output):
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = encoded(tmp_path / f"cam{suffix}", codec, pixel_format, **options)
    assert all(frame.interlaced_frame for frame in decoded(path)[0])
    assert differing(path, output) == 0


def without_vui(extradata: bytes) -> bytes:
    r"""Returns an ``avcC`` whose stream no longer says how many frames are put in order."""
    length = int.from_bytes(extradata[6:8], "big")
    sps, rest = extradata[8 : 8 + length], extradata[8 + length :]
    bits = "".join(f"{byte:08b}" for byte in sps.replace(b"\0\0\3", b"\0\0"))
    place = 32  # behind the header, the profile and the level

    def number() -> int:  # of an Exp-Golomb code
        nonlocal place
        zeros = bits.index("1", place) - place
        place += 2 * zeros + 1
        return int(bits[place - zeros - 1 : place], 2) - 1

    assert sps[1] == 77  # Main, which has no fields for chroma
    number(), number()
    assert number() == 0
    number(), number()
    place += 1
    number(), number()
    place += 3 + (bits[place] == "0")
    assert bits[place - 1 : place + 1] == "01"  # no cropping, and a VUI
    bits = bits[:place] + "01"
    bits += "0" * (-len(bits) % 8)
    short = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return extradata[:6] + len(short).to_bytes(2, "big") + short + rest


def test_a_stream_that_does_not_say_how_far_frames_are_out_of_order(tmp_path):
    # Without 8x8dct x264 says Main profile; PyAV 14 takes no option for it.
    params = "bframes=3:b-pyramid=normal:b-adapt=0:keyint=250:scenecut=0:8x8dct=0"
    path = make_clip(tmp_path / "cam.mp4", 30, codec_options={"x264-params": params})
    extradata = build_segment(LocalStore(), str(path)).stream.extradata
    assert extradata[1] == 77
    assert differing(path, PLAIN) == 0
    assert differing(path, PLAIN, extradata=without_vui(extradata)) == 0


def test_a_decoder_that_is_told_nothing_more(tmp_path):
    path = encoded(tmp_path / "cam.mp4", "mpeg4", "yuv420p")
    stream = build_segment(LocalStore(), str(path)).stream
    assert open_decoder(replace(stream, chroma_location="", field_order="")).options == {}
