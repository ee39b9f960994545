r"""What every frame really looks like, and whether a reader gave the right one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from temporaldata_video._pixels.equality import one_thread

from .videos import Video

# Peers convert colours in their own ways. Beyond this mean difference, in levels of 255,
# a frame is another one; so it is if a neighbour is nearer by more than the margin.
TOLERANCE, MARGIN = 12.0, 0.05
# About this many pixels of a frame are compared with those of its neighbours.
COMPARED_PIXELS = 20_000


@dataclass(frozen=True)
class Verdict:
    r"""How the frames of one request compare with the truth.

    Args:
        checked: frames compared.
        wrong: of these, frames that are not the ones asked for.
        max_difference: the largest difference in levels of the right frame's pixels.
    """

    checked: int
    wrong: int
    max_difference: int


class Truth:
    r"""The frames of a sequential PyAV decode, upright.

    Args:
        video: the file.
        wanted: the frames to be compared; their neighbours are kept too.
    """

    def __init__(self, video: Video, wanted: set[int]) -> None:
        import av

        self.count = video.frames
        self.step = max(1, round((np.prod(video.size) / COMPARED_PIXELS) ** 0.5))
        self.turns = 0
        self.digests: dict[int, bytes] = {}
        self.samples: dict[int, np.ndarray] = {}
        near = {k + d for k in wanted for d in (-1, 0, 1)}
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            # Not timed, so that it may use all processors.
            stream.thread_type = "FRAME"
            for number, frame in enumerate(container.decode(stream)):
                self.turns = frame.rotation // 90 % 4
                if number in near:
                    packed = frame.to_ndarray(format="rgb24", **one_thread())
                    upright = np.rot90(packed, self.turns)
                    self.samples[number] = self._sample(upright).copy()
                    if number in wanted:
                        self.digests[number] = _digest(upright.transpose(2, 0, 1))
                if number > max(near):
                    break

    def _sample(self, frame: np.ndarray) -> np.ndarray:
        return frame[:: self.step, :: self.step]

    def judge(self, numbers: list[int], pixels: list[Any], exact: bool) -> Verdict:
        r"""Compares frames with those that were asked for.

        Args:
            numbers: the frames asked for, among those wanted.
            pixels: what a reader gave, each (C, H, W).
            exact: whether every byte must agree.
        """
        wrong = max_difference = 0
        for number, given in zip(numbers, pixels):
            given = np.asarray(given)
            difference, right = self._compare(number, given)
            if exact:
                right = _digest(given) == self.digests[number]
            wrong += not right
            max_difference = max(max_difference, difference if right else 0)
        return Verdict(len(numbers), wrong, max_difference)

    def _compare(self, number: int, given: np.ndarray) -> tuple[int, bool]:
        truth = self.samples[number].astype(np.int16)
        shown = given.transpose(1, 2, 0)
        views = [self._sample(shown), self._sample(np.rot90(shown, self.turns))]
        views = [view.astype(np.int16) for view in views if view.shape == truth.shape]
        if not views:
            return 255, False
        # Whether a reader turns frames upright is its own affair.
        view = min(views, key=lambda v: np.abs(v - truth).mean())
        own = np.abs(view - truth).mean()
        others = [
            np.abs(view - self.samples[k]).mean()
            for k in (number - 1, number + 1)
            if k in self.samples
        ]
        right = own <= TOLERANCE and own <= min(others, default=np.inf) + MARGIN
        return int(np.abs(view - truth).max()), bool(right)


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha1(np.ascontiguousarray(pixels)).digest()


def spread(n: int, most: int) -> list[int]:
    r"""Returns at most ``most`` positions spread over ``n`` frames, both ends included."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)).tolist()
