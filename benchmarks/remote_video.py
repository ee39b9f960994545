r"""Videos in an S3 server on loopback, behind a proxy that delays and counts requests."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import temporaldata_video as tv
from temporaldata_video._build.memory_build import build_memory_index
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video.testing import make_clip, paint_number, read_numbers
from tests.servers import Proxy, S3Server

from .special import repeat_packets
from .videos import CODEC_OPTIONS, Scene

RATE, GROUP = 30, 250
BUCKET = "lab"
# Requests wait as long before they are passed on, as they would for a store in the region.
DELAY_SECONDS = 0.02


@dataclass(frozen=True)
class Remote:
    r"""A video in S3, and the same file on the local disk.

    Args:
        s3: the server.
        proxy: before it.
        uri: of the video.
        path: of the local file.
        distinct: after as many frames the video begins again.
    """

    s3: S3Server
    proxy: Proxy
    uri: str
    path: Path
    distinct: int

    def open(self) -> tv.LazyVideo:
        r"""Returns the video by way of the proxy."""
        options = self.s3.options(self.proxy)
        return tv.LazyVideo.from_uri(self.uri, storage_options=options)

    def store(self) -> FsspecStore:
        r"""Returns what reads it."""
        return FsspecStore("s3", self.s3.options(self.proxy))

    def indexed_in_memory(self) -> tv.LazyVideo:
        r"""Returns the video with an index that children of a fork inherit."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tv.IndexWarning)
            index = build_memory_index(self.store(), [self.uri])
        return tv.LazyVideo(self.uri, store=self.store(), frame_index=index)

    def wrong(self, window: tv.LazyVideo) -> int:
        r"""Returns how many frames of a window are not the ones asked for."""
        numbers = window.frame_indices % self.distinct
        return int((read_numbers(window.frames) != numbers).sum())

    def requests(self, *, sidecar: bool = False) -> list[Any]:
        r"""Returns the requests for the media, or for the sidecar."""
        seen = self.proxy.requests()
        return [r for r in seen if (".lance" in r.path) == sidecar]


@contextmanager
def fresh_cache(**settings: Any) -> Iterator[str]:
    r"""Has everything cached in a new directory while the block runs."""
    before = {k: v for k, v in os.environ.items() if "VIDEO_CACHE" in k}
    with tempfile.TemporaryDirectory() as directory:
        tv.configure(cache_directory=directory, **settings)
        try:
            yield directory
        finally:
            for name in [k for k in os.environ if "VIDEO_CACHE" in k]:
                del os.environ[name]
            os.environ.update(before)


def make_video(folder: Path, distinct: int, copies: int, size: tuple[int, int]) -> Path:
    r"""Returns a moving scene with numbered frames, made if it is not there."""
    height, width = size
    short = folder / f"remote_{distinct}_{height}p.mp4"
    long = folder / f"remote_{distinct}x{copies}_{height}p.mp4"
    scene = Scene(height, width)
    if not short.exists():
        make_clip(
            short,
            distinct,
            size=size,
            rate=RATE,
            codec_options={"g": str(GROUP), "keyint_min": str(GROUP), **CODEC_OPTIONS},
            paint=lambda n, h, w: paint_number(n, h, w, scene.paint(n, h, w)),
        )
    if not long.exists():
        repeat_packets(short, long, copies)
    return long


_NUMBERS = itertools.count()


def fresh_key() -> str:
    r"""Returns a name in the bucket that nobody has seen."""
    return f"{BUCKET}/{next(_NUMBERS)}/cam.mp4"


@contextmanager
def uploaded(s3: S3Server, proxy: Proxy, path: Path, distinct: int) -> Iterator[Remote]:
    r"""Uploads a video under a name that nobody has seen, and indexes it."""
    key = fresh_key()
    proxy.behave()
    uri = s3.put(key, path.read_bytes())
    tv.write_index(uri, storage_options=s3.options(), progress=False)
    proxy.behave(delay=DELAY_SECONDS)
    yield Remote(s3, proxy, uri, path, distinct)
    s3.client().delete_object(Bucket=BUCKET, Key=key.partition("/")[2])
