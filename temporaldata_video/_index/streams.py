r"""Reads what a container says about itself: how many frames, and which streams."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from .._base.container import as_fraction, open_container


@dataclass(frozen=True)
class ContainerFacts:
    r"""What a container declares.

    Args:
        declared_frames: frames of the first video stream that the header declares; 0 if it
            declares none.
        videos: number of video streams, cover pictures left out.
        audio: codec of each audio stream.
        pixel_aspect: width of a pixel of the first video stream over its height; 0 where
            the container does not say.
    """

    declared_frames: int
    videos: int
    audio: tuple[str, ...]
    pixel_aspect: Fraction


def read_container_facts(file: BinaryIO, uri: str) -> ContainerFacts:
    r"""Returns what the header of a container declares.

    Args:
        file: the file, seekable and binary; closed at the end.
        uri: for messages.

    Raises:
        SourceError: if FFmpeg finds no video in it.
    """
    with file, open_container(file, uri) as container:
        videos, audio = container.streams.video, container.streams.audio
        films = [v for v in videos if "attached_pic" not in str(v.disposition).lower()]
        return ContainerFacts(
            declared_frames=videos[0].frames,
            videos=len(films),
            audio=tuple(
                stream.codec_context.codec.canonical_name if stream.codec_context else ""
                for stream in audio
            ),
            pixel_aspect=as_fraction(videos[0].sample_aspect_ratio),
        )
