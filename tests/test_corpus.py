r"""Every frame of real videos, read in any order, is that of a sequential decode."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import temporaldata_video as tv

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

# Of the four files with more pixels than this in all their frames only a sample is
# checked, unless TEMPORALDATA_VIDEO_CORPUS_FRAMES is "all".
PIXELS_CHECKED = 1_000_000_000
SAMPLE = 150
SINGLE_READS = 24

# Degrees counter-clockwise by which players turn a frame; from MANIFEST.md.
ROTATION = {
    "ax_pixel-motion-photo-2-hevc-tracks.mp4": -90,
    "ax_pixel7_videoOnly_cleaned.mp4": -180,
    "ax_sample_edit_list.mp4": -90,
    "psd_issue-134-rotate.mp4": -90,
}
# Packets that should show a frame, where framemd5 has fewer.
MORE_FRAMES = {"ax_sample_with_invalid_nalu.mp4": 30}

FORMATS = {
    "rgb in rows": {"channel_format": "NHWC"},
    "rgb in planes": {"channel_format": "NCHW"},
    "grey": {"colorspace": "G"},
}
# The format of PyAV that each is compared with, and the order of its axes. One channel of
# grey may stand first or last; as bytes it is the same.
REFERENCE = {
    "rgb in rows": ("rgb24", None),
    "rgb in planes": ("rgb24", (2, 0, 1)),
    "grey": ("gray8", None),
}


def digest(pixels: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=12).digest()


class Read(NamedTuple):
    r"""Frames that are read in one go, in one of the formats."""

    name: str
    frames: np.ndarray


@dataclass
class Truth:
    r"""What a sequential decode of a file shows.

    Args:
        pts: of all frames that decode, in the order shown.
        digests: of the frames that are read, by format and number.
    """

    pts: list[int]
    digests: dict[tuple[str, int], bytes]


def decode_all(path, pts_of_rows: np.ndarray, reads: list[Read]) -> Truth:
    r"""Decodes a file once from beginning to end, as PyAV's own users would."""
    import av

    turns = ROTATION.get(path.name, 0) // 90
    whole = path.name not in MORE_FRAMES
    needed = {(read.name, k) for read in reads for k in read.frames.tolist()}
    truth = Truth([], {})

    def note(k: int, frame: av.VideoFrame) -> None:
        truth.pts.append(frame.pts)
        for name, (pixel_format, axes) in REFERENCE.items():
            if (name, k) in needed:
                pixels = np.rot90(frame.to_ndarray(format=pixel_format), turns)
                truth.digests[name, k] = digest(pixels.transpose(axes) if axes else pixels)

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        # Among threads more frames are lost than the damaged ones.
        stream.thread_type = "FRAME" if whole else "NONE"
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                k = (
                    len(truth.pts)
                    if whole
                    else int(np.searchsorted(pts_of_rows, frame.pts))
                )
                note(k, frame)
    return truth


def choose_frames(n: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    r"""Chooses all frames, or as many stretches of them as a sample may have."""
    small = n * pixels <= PIXELS_CHECKED
    if small or os.environ.get("TEMPORALDATA_VIDEO_CORPUS_FRAMES") == "all":
        return np.arange(n)
    starts = rng.choice(n - 50, size=SAMPLE // 50, replace=False)
    stretches = [np.arange(start, start + 50) for start in starts]
    return np.unique(np.concatenate([*stretches, [0, n - 1]]))


def plan_reads(frames: np.ndarray, rng: np.random.Generator) -> list[Read]:
    r"""Reads each frame in a window of random length, in random order but for some that
    slide along, then frames one at a time, and some scattered ones, not all different, at
    once."""
    cuts = np.cumsum(rng.integers(1, 100, len(frames)))
    windows = [w for w in np.split(frames, cuts[cuts < len(frames)]) if len(w)]
    stretches = np.split(np.arange(len(windows)), np.arange(3, len(windows), 3))
    order = np.concatenate([stretches[i] for i in rng.permutation(len(stretches))])
    wanted = [windows[i] for i in order]
    wanted += [np.array([k]) for k in rng.permutation(frames)[:SINGLE_READS].tolist()]
    scattered = rng.permutation(frames)[:16]
    wanted.append(np.concatenate([scattered, scattered[:3]]))
    names = list(FORMATS)
    return [Read(names[number % 3], frames) for number, frames in enumerate(wanted)]


def framemd5_pts(corpus, name) -> list[int]:
    lines = (corpus / "framemd5" / f"{name}.framemd5").read_text().splitlines()
    return [int(line.split(",")[2]) for line in lines if not line.startswith("#")]


@pytest.fixture
def opened(corpus, corpus_name, tmp_path):
    r"""Opens the file by an index that lies elsewhere, since the corpus is read-only."""
    import warnings

    index_uri = tmp_path / "index.lance"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.IndexWarning)  # files that were cut off
        tv.write_index(corpus / corpus_name, index_uri=index_uri, progress=False)

    def open_video(**options):
        return tv.LazyVideo.from_uri(corpus / corpus_name, index_uri=index_uri, **options)

    return open_video


def test_frames_read_at_random_are_those_of_a_sequential_decode(
    corpus, corpus_name, opened, record_property
):
    rng = np.random.default_rng(zlib.crc32(corpus_name.encode()))
    video = opened()
    pts = video._recording.parts[0].index.pts_table(0)
    n, expected_pts = len(video), framemd5_pts(corpus, corpus_name)
    assert n == MORE_FRAMES.get(corpus_name, len(expected_pts))
    if corpus_name in MORE_FRAMES:
        assert set(expected_pts) <= set(pts.tolist())
    else:
        assert pts.tolist() == expected_pts

    frames = choose_frames(n, video.shape[2] * video.shape[3], rng)
    reads = plan_reads(frames, rng)
    truth = decode_all(corpus / corpus_name, pts, reads)
    assert len(truth.pts) == len(expected_pts)

    videos = {name: opened(**options) for name, options in FORMATS.items()}
    checked, wrong = set(), set()
    for name, wanted in reads:
        there = np.array([k for k in wanted.tolist() if (name, k) in truth.digests], int)
        for k, pixels in zip(there.tolist(), videos[name].frames_at(there)):
            checked.add(k)
            if digest(pixels) != truth.digests[name, k]:
                wrong.add(k)
        for k in set(wanted.tolist()) - set(there.tolist()):
            with pytest.raises(tv.DecodeError, match=f"frame {k} "):
                videos[name].frames_at([k])

    record_property("corpus", [corpus_name, n, len(checked), len(wrong)])
    assert not wrong, f"{len(wrong)} of {len(checked)} frames differ: {sorted(wrong)[:10]}"
    # All of them, but for those that no decoder shows.
    assert len(checked) == len(frames) - (n - len(expected_pts)) > 0


@pytest.mark.parametrize("corpus_name", ROTATION)
def test_frames_are_turned_as_opencv_turns_them(corpus, corpus_name, opened):
    cv2 = pytest.importorskip("cv2")
    video = opened(channel_format="NHWC")
    capture = cv2.VideoCapture(str(corpus / corpus_name))
    there, first = capture.read()
    assert there and first.shape == video.shape[1:]
    ours = video.frames_at([0])[0]
    # Converted by another program, with other colours for BT.2020: the same picture turned
    # any other way is further from it.
    half_turn = ours[::-1, ::-1]
    turned = [half_turn, half_turn[:, ::-1], ours[:, ::-1], ours]
    likeness = [np.corrcoef(t.ravel(), first[..., ::-1].ravel())[0, 1] for t in turned]
    assert np.argmax(likeness) == 3 and likeness[3] > 0.95


def test_the_corpus_is_whole(corpus):
    assert len(list((corpus / "framemd5").glob("*.framemd5"))) >= 50
