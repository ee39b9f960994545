r"""What is measured on: files of the corpus, and clips that are made once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import temporaldata_video as tv
from temporaldata_video._decode.decode import open_decoder
from temporaldata_video.testing import make_clip

MIN_FRAMES, MIN_WIDTH, MIN_HEIGHT = 200, 320, 240
SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".3gp", ".ts", ".webm")
# Packets looked at for how many frames no other frame refers to.
SAMPLED_PACKETS = 300


@dataclass(frozen=True, eq=False)
class Video:
    r"""A file to be measured on.

    Args:
        path: the file.
        index_uri: its sidecar.
        origin: ``"corpus"``, ``"made"`` or ``"given"``.
    """

    path: Path
    index_uri: str
    origin: str

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def lazy(self) -> tv.LazyVideo:
        return tv.LazyVideo.from_uri(self.path, index_uri=self.index_uri)

    @cached_property
    def segment(self) -> Any:
        return tv.LanceFrameIndex.open(self.index_uri).segments[0]

    @cached_property
    def pts(self) -> np.ndarray:
        return self.segment.rows(0, len(self.segment)).pts

    @cached_property
    def keyframe(self) -> np.ndarray:
        return self.segment.rows(0, len(self.segment)).keyframe

    @property
    def frames(self) -> int:
        return len(self.segment)

    @property
    def size(self) -> tuple[int, int]:
        r"""Height and width as shown."""
        return self.segment.stream.display_size

    @property
    def longest_group(self) -> int:
        r"""Frames of the longest group of pictures."""
        keys = np.flatnonzero(self.keyframe)
        return int(np.diff([*keys, self.frames]).max(initial=self.frames - keys[-1]))

    @property
    def groups(self) -> int:
        return int(self.keyframe.sum())

    @cached_property
    def nonreference(self) -> float:
        r"""Share of frames that no other frame refers to, as FFmpeg's skipping shows it."""
        import av

        context = open_decoder(self.segment.stream)
        context.skip_frame = "NONREF"
        fed = decoded = 0
        with av.open(str(self.path)) as container:
            for packet in container.demux(video=0):
                if packet.size == 0 or fed == SAMPLED_PACKETS:
                    break
                fed += 1
                decoded += len(context.decode(packet))
        return 1 - (decoded + len(context.decode(None))) / max(1, fed)

    def facts(self) -> dict[str, Any]:
        r"""What tables and results say of the file."""
        height, width = self.size
        return {
            "origin": self.origin,
            "codec": self.segment.stream.codec,
            "height": height,
            "width": width,
            "frames": self.frames,
            "longest_group": self.longest_group,
            "groups": self.groups,
            "reorder": self.segment.stream.reorder,
            "nonreference": round(self.nonreference, 3),
        }


def indexed(path: Path, origin: str, folder: Path) -> Video:
    r"""Returns a file with its sidecar, which goes into a folder of the benchmark."""
    index_uri = str(folder / f"{path.name}.lance")
    tv.index_many([path], index_uri=index_uri, progress=False)[0]
    return Video(path, index_uri, origin)


def corpus_videos(corpus: Path, folder: Path) -> Iterator[Video]:
    r"""Yields the H.264 and HEVC files that are long and large enough."""
    for path in sorted(p for p in corpus.glob("*") if p.suffix in SUFFIXES):
        report = tv.index_many(
            [path], index_uri=str(folder / f"{path.name}.lance"), progress=False
        )[0]
        if report.status == "failed" or report.frames < MIN_FRAMES:
            continue
        video = Video(path, str(folder / f"{path.name}.lance"), "corpus")
        height, width = video.size
        if (
            video.segment.stream.codec in ("h264", "hevc")
            and min(height, width) >= MIN_HEIGHT
            and max(height, width) >= MIN_WIDTH
        ):
            yield video


@dataclass
class Scene:
    r"""A scene that moves like a recording: a texture that drifts, blobs, a noisy sensor.

    Args:
        height: of the frame in pixels.
        width: of the frame in pixels.
    """

    height: int
    width: int
    margin: int = 128
    rng: Any = field(default_factory=lambda: np.random.default_rng(7))

    def __post_init__(self) -> None:
        full = self.height + self.margin, self.width + self.margin
        self.texture = sum(
            np.kron(
                self.rng.normal(0, level, (full[0] // cell + 1, full[1] // cell + 1, 3)),
                np.ones((cell, cell, 1)),
            )[: full[0], : full[1]]
            for cell, level in ((64, 22), (16, 12), (4, 6))
        )
        self.texture = np.clip(118 + self.texture, 8, 240).astype(np.uint8)
        self.noise = self.rng.integers(0, 4, (*full, 3)).astype(np.uint8)

    def paint(self, number: int, height: int, width: int) -> np.ndarray:
        r"""Returns frame ``number``; a painter as ``make_clip`` wants it."""
        half = self.margin // 2
        y = int(half + half * 0.6 * np.sin(number / 90))
        x = int(half + half * 0.9 * np.sin(number / 130))
        frame = self.texture[y : y + height, x : x + width].copy()
        side = height // 8
        for k in range(5):
            top = int((height - side) * (0.5 + 0.5 * np.sin(number / (23 + 7 * k) + k)))
            left = int((width - side) * (0.5 + 0.5 * np.cos(number / (31 + 5 * k) + 2 * k)))
            frame[top : top + side, left : left + side] //= 2
            frame[top : top + side, left : left + side, k % 3] += 60
        dy, dx = self.rng.integers(0, self.margin, 2)
        return frame + self.noise[dy : dy + height, dx : dx + width]


# As ffmpeg encodes unless told otherwise, only faster: CABAC, deblocking, B-pyramid.
CODEC_OPTIONS = {"preset": "veryfast", "crf": "23", "sc_threshold": "0", "threads": "1"}
SIZES = {"480p": (480, 640, 1200), "1080p": (1080, 1920, 500)}
GROUPS = (12, 30, 250)


# What a run of minutes has time for; the large clips with all groups take as long again.
LARGE = ("made_1080p_gop12_b0", "made_1080p_gop30_b3", "made_1080p_gop250_b3")


def made_names(full: bool) -> list[str]:
    r"""Returns the names of the made clips.

    Args:
        full: all of them, instead of all small and a few large ones.
    """
    names = [
        f"made_{size}_gop{gop}_{'b3' if b else 'b0'}"
        for size in SIZES
        for gop in GROUPS
        for b in (False, True)
    ]
    return [name for name in names if full or "1080p" not in name or name in LARGE]


def made_video(name: str, folder: Path) -> Video:
    r"""Returns a made clip by its name, encoded if it is not there yet."""
    _, size, gop, b_frames = name.split("_")
    height, width, n_frames = SIZES[size]
    path = folder / f"{name}.mp4"
    if not path.exists():
        options = {
            "g": gop[3:],
            "keyint_min": gop[3:],
            "bf": b_frames[1:],
            **CODEC_OPTIONS,
        }
        aside = path.with_name(f"aside_{path.name}")
        make_clip(
            aside,
            n_frames,
            size=(height, width),
            codec_options=options,
            paint=Scene(height, width).paint,
        )
        aside.rename(path)
    return indexed(path, "made", folder)
