r"""Reads damaged videos at random, beside FFmpeg's sequential decode of the same bytes."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

import temporaldata_video as tv
from temporaldata_video._base.formats import opening_options
from temporaldata_video._tools.checking.check_video import check_video
from temporaldata_video.errors import VideoError, VideoWarning
from temporaldata_video.testing import make_clip
from temporaldata_video.testing.damage import DAMAGES, box_places

# What ``check --decode`` says where the decoder made pixels up, or none came out.
DECODING_FINDINGS = {
    *("concealed-damage", "damaged-frames", "false-key-frames", "not-decodable"),
}
FOUND = "found by check --decode"
# Short files of the corpus, of all kinds of codec and container.
NAMES = (
    *("fictrac_sample.mp4", "pupil_single_eye0.mp4", "tc_h264_10bits.mp4"),
    *("tc_discard_first_keyframe.mp4", "tc_test_non_zero_start.mp4", "mma2_demo.mp4"),
    *("deepof_circular_arena.mp4", "ax_bbb_h263.3gp", "nc_video_mov.mov", "skv_bikes.mp4"),
    *("ax_bbb_176x144_128kbps_15fps_h263.3gp", "decord_flipping_a_pancake.mkv"),
    *(
        "ax_trim_optimization_failure.mp4",
        "ax_sample_fragmented.mp4",
        "psd_delayed_start.mp4",
    ),
    *("ax_sample_without_stss.mp4", "tc_testsrc2_odd_height_and_width_444.mp4"),
)
CLIPS = {
    "made-h264.mp4": {},
    "made-open-gop.mp4": {"open_gop": True, "b_frames": 3},
    "made-hevc.mp4": {"codec": "libx265", "open_gop": True},
    "made-vp9.mp4": {"codec": "libvpx-vp9"},
    "made-mpeg4.avi": {"codec": "mpeg4", "b_frames": 0},
    "made-fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "made-stream.ts": {},
}


def originals(folder: Path, corpus: Path | None) -> list[Path]:
    r"""Returns videos that are whole."""
    paths = [corpus / name for name in NAMES if (corpus / name).is_file()] if corpus else []
    for name, options in CLIPS.items():
        paths.append(make_clip(folder / name, 72, size=(64, 96), gop=12, **options))
    return paths


def sequential(path: Path) -> dict[int, np.ndarray]:
    r"""Returns the frames of a file by pts, as PyAV decodes them from its beginning."""
    frames: dict[int, np.ndarray] = {}
    with (
        path.open("rb") as file,
        av.open(file, container_options=opening_options()) as container,
    ):
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                decoded = stream.codec_context.decode(packet if packet.size else None)
            except av.error.FFmpegError:
                continue
            for frame in decoded:
                if frame.pts is not None:
                    frames[frame.pts] = frame.to_ndarray(format="rgb24")
    return frames


def damage_media(data: bytes, name: str, chance: random.Random) -> bytes:
    r"""Returns a file with damage in its media; headers stay, but for what is cut off."""
    media = [place for place in box_places(data) if place.kind == b"mdat"]
    if name == "truncated" or not media:
        return DAMAGES[name](data, chance)
    place = max(media, key=lambda place: place.stop - place.start)
    inside = data[place.start + 8 : place.stop]
    return data[: place.start + 8] + DAMAGES[name](inside, chance) + data[place.stop :]


def compare(path: Path, chance: random.Random) -> Counter:
    r"""Returns what became of frames of a damaged file that were read at random."""
    found: Counter = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)
        try:
            video = tv.LazyVideo.from_uri(path, on_error="mask")
            pts = video._recording.files[0][0].packets.rows(0, len(video)).pts
        except VideoError as error:
            return Counter({f"refused: {type(error).__name__}": 1})
        if len(video) == 0:
            return Counter({"no frames": 1})
        truth = sequential(path)
        for first, count in windows(len(video), chance):
            rows = video.frame_indices[first : first + count]
            part = video.select_by_mask(np.isin(video.frame_indices, rows))
            for row, frame, valid in zip(part.frame_indices, part.frames, part.valid):
                expected = truth.get(int(pts[row]))
                found["frames"] += 1
                if not valid:
                    found["masked" if expected is None else "masked alone"] += 1
                elif expected is None:
                    found["sequential decoding shows none"] += 1
                elif _equal(frame, expected):
                    found["equal"] += 1
                else:
                    found["different"] += 1
    return found


def windows(n_frames: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    r"""Yields first frame and length of windows: single ones, some that begin anywhere, and
    two that follow one another."""
    for length in (*[1] * 6, 15, 20, 20, 20):
        yield chance.randrange(n_frames), length
    first = chance.randrange(n_frames)
    yield from ((first, 10), (min(first + 7, n_frames - 1), 10))


def _equal(frame: np.ndarray, expected: np.ndarray) -> bool:
    upright = frame.transpose(1, 2, 0)
    return any(
        turned.shape == expected.shape and np.array_equal(turned, expected)
        for turned in (np.rot90(upright, k) for k in range(4))
    )


def damaged_videos(
    variants: int, seed: int, corpus: Path | None, out: Path
) -> Iterator[dict]:
    r"""Yields what was found, for each of so many damaged files.

    Args:
        variants: number of files.
        seed: decides the damage.
        corpus: the folder of a corpus of real files.
        out: where files are kept that differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = originals(Path(folder), corpus)
        for number in range(variants):
            chance = random.Random(f"{seed} {number}")
            original = whole[number % len(whole)]
            kind = list(DAMAGES)[number // len(whole) % len(DAMAGES)]
            path = Path(folder) / f"{number}{original.suffix}"
            path.write_bytes(damage_media(original.read_bytes(), kind, chance))
            found = compare(path, chance)
            result = {"file": original.name, "damage": kind, **found}
            if found["different"] or found["sequential decoding shows none"]:
                result[FOUND] = _check_finds(path)
                (out / f"{kind}-{number}-{original.name}").write_bytes(path.read_bytes())
            yield result
            path.unlink()


def _check_finds(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)
        findings = check_video(path, decode=True).findings
    return any(finding.code in DECODING_FINDINGS for finding in findings)
