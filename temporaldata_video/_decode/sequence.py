r"""Decodes files from end to end in bounded memory, and tells frames apart by digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .._pixels.equality import plane_rows
from ..types import Packets, SegmentPackets
from .container_packets import open_stream
from .decode import be_strict, cut_packets, decode_packets, open_decoder
from .plan import Run, byte_ranges
from .read_file import VideoFile, verified

if TYPE_CHECKING:
    import av

Sink = Callable[[int, "av.VideoFrame"], None]

# Bytes of packets that are held at a time.
_CHUNK_BYTES = 8 * 1024 * 1024
# Rows and columns of the grid on which pictures are sampled.
_GRID = 8


def whole_run(packets: SegmentPackets) -> Run:
    r"""Returns all packets of a file in decoding order; all of its frames are wanted.

    Args:
        packets: the file's index.
    """
    hidden = packets.hidden
    table = Packets.concatenate([hidden, packets.rows(0, len(packets))])
    frames = np.concatenate([-1 - np.arange(len(hidden)), np.arange(len(packets))])
    order = np.argsort(table.dts, kind="stable")
    return Run(table[order], frames[order], frames[order] >= 0)


def decode_run(
    file: VideoFile, run: Run, sink: Sink, *, strict: bool = False
) -> dict[int, str]:
    r"""Decodes a run with a decoder of its own, and leaves no frame out.

    Args:
        file: the file.
        run: the packets to decode.
        sink: called with the number of each wanted frame and the frame, in the order in
            which they are shown.
        strict: damage that the decoder could conceal counts as a failure.

    Returns:
        The wanted frames that did not come out, and why not.

    Raises:
        StaleIndexError: if the file is not the one that was indexed.
    """
    stream, etag = file.packets.stream, verified(file).etag
    if stream.readable_by_packet:
        context = open_decoder(stream, strict)
        packets = _packets_in_chunks(file, run, etag)
        return decode_packets(context, packets, run, False, sink).missing
    opened = partial(file.store.open, file.uri)
    with open_stream(opened, file.uri, file.packets) as (context, demux):
        if strict:
            be_strict(context)
        return decode_packets(context, demux(run), run, False, sink).missing


def _packets_in_chunks(file: VideoFile, run: Run, etag: str) -> Iterator[av.Packet]:
    stream = file.packets.stream
    chunk = np.cumsum(run.packets.size, dtype=np.int64) // _CHUNK_BYTES
    cuts = np.flatnonzero(np.diff(chunk)) + 1
    edges = [0, *cuts.tolist(), len(run.frames)]
    for start, stop in pairwise(edges):
        part = Run(run.packets[start:stop], run.frames[start:stop], run.wanted[start:stop])
        ranges = byte_ranges([part])
        read_range = file.store.read_range
        data = [read_range(file.uri, a, b - a, etag or None) for a, b in ranges]
        yield from cut_packets(ranges, data, part, stream, is_new=start == 0)


def frame_digest(frame: av.VideoFrame) -> bytes:
    r"""Returns 16 bytes of BLAKE2b of a frame's own planes, before any conversion.

    Args:
        frame: as decoded.
    """
    layout = frame.format
    digest = hashlib.blake2b(
        # FFmpeg calls a full range by a name of its own; the planes are the same.
        f"{layout.name.replace('yuvj', 'yuv')} {frame.width} {frame.height}".encode(),
        digest_size=16,
    )
    for number, plane in enumerate(frame.planes):
        if layout.has_palette and number:
            digest.update(memoryview(plane))
            continue
        if len(frame.planes) == 1 or layout.has_palette:
            width = -(-frame.width * layout.padded_bits_per_pixel // 8)
        else:
            samples = [c for c in layout.components if c.plane == number]
            width = plane.width * sum(-(-c.bits // 8) for c in samples)
        digest.update(plane_rows(plane, width).tobytes())
    return digest.digest()


def luma_samples(frame: av.VideoFrame) -> np.ndarray:
    r"""Returns values of the first plane on a grid, enough to recognize a picture.

    Args:
        frame: of a planar format.

    Returns:
        uint16 of shape (64,), in units of the frame's own depth.
    """
    deep = frame.format.components[0].bits > 8
    picture = plane_rows(frame.planes[0], frame.width * (2 if deep else 1))
    picture = picture.view(np.uint16 if deep else np.uint8)
    rows, columns = (
        (np.arange(_GRID) * side + side // 2) // _GRID
        for side in (frame.height, frame.width)
    )
    return picture[np.ix_(rows, columns)].ravel().astype(np.uint16)
