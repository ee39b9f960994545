r"""The floor: what FFmpeg itself takes to decode just the packets that are needed and to
convert just the frames that are wanted.

Planning, reading and making packets is done beforehand, and pixels are dropped once they
are converted. Opening the decoder counts, since FFmpeg cannot decode without.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from temporaldata_video._decode.decode import (
    may_skip_nonreference,
    open_decoder,
    skippable,
)
from temporaldata_video._decode.plan import plan_runs
from temporaldata_video._pixels.equality import one_thread, planar_equals_packed
from temporaldata_video._pixels.swscale import Conversion

from .videos import Video
from .workloads import Request

if TYPE_CHECKING:
    import av

Feed = list[tuple["av.Packet", bool]]


class Floor:
    r"""The floor of one sequence of requests.

    Args:
        video: the file.
        requests: asked one after the other; frames of all of them are decoded once, and
            converted for each request that wants them.
    """

    def __init__(self, video: Video, requests: list[Request]) -> None:
        self.stream = video.segment.stream
        self.pixel_format: str | None = None
        asked = [frozenset(request.frames.tolist()) for request in requests]
        self.sets = [
            (wanted, frozenset().union(*asked[k + 1 :])) for k, wanted in enumerate(asked)
        ]
        union = np.unique(np.concatenate([request.frames for request in requests]))
        skip = may_skip_nonreference(self.stream)
        with open(video.path, "rb") as file:
            self.runs: list[Feed] = []
            for run in plan_runs(video.segment, union):
                columns = zip(
                    run.packets.pos.tolist(),
                    run.packets.size.tolist(),
                    run.frames.tolist(),
                    (skippable(run) & skip).tolist(),
                )
                self.runs.append([(_packet(file, *c[:3]), c[3]) for c in columns])

    def start(self) -> list[Callable[[], int]]:
        r"""Returns what to call for each request, in order; each returns frames done."""
        from av.video.reformatter import VideoReformatter

        reformat = functools.partial(VideoReformatter().reformat, **one_thread())
        decoded = self._decode()
        # Decoded frames that a later request wants again.
        held: dict[int, av.VideoFrame] = {}

        def answer(wanted: frozenset[int], later: frozenset[int]) -> int:
            done = set(wanted.intersection(held))
            for number in done:
                self._convert(reformat, held[number])
            for number in held.keys() - later:
                del held[number]
            while len(done) < len(wanted):
                number, frame = next(decoded)
                if number in wanted:
                    self._convert(reformat, frame)
                    done.add(number)
                if number in later:
                    held[number] = frame
            return len(done)

        return [functools.partial(answer, *sets) for sets in self.sets]

    def _decode(self) -> Iterator[tuple[int, av.VideoFrame]]:
        for feed in self.runs:
            context = open_decoder(self.stream)
            skipping = False
            for packet, skip in feed:
                if skip is not skipping:
                    context.skip_frame = "NONREF" if skip else "DEFAULT"
                    skipping = skip
                for frame in context.decode(packet):
                    yield frame.pts, frame
            for frame in context.decode(None):
                yield frame.pts, frame

    def _convert(self, reformat: Callable, frame: av.VideoFrame) -> None:
        if self.pixel_format is None:
            size = frame.width, frame.height
            color = int(frame.colorspace), int(frame.color_range)
            conversion = Conversion(frame.format.name, *size, *color, "gbrp", *size)
            self.pixel_format = "gbrp" if planar_equals_packed(conversion) else "rgb24"
        reformat(frame, format=self.pixel_format)


def _packet(file: BinaryIO, pos: int, size: int, number: int) -> av.Packet:
    import av

    file.seek(pos)
    # Packet(n) is padded as decoders require, Packet(bytes) is not.
    packet = av.Packet(size)
    packet.update(file.read(size))
    packet.pts = number
    return packet
