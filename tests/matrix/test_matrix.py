r"""Every codec in every container, with times of all kinds: read right, or refused.

The truth is a sequential decode by PyAV of the same file. ``python -m tests.matrix`` writes
what comes of it into the documentation.
"""

from __future__ import annotations

import io

import av
import pytest

from stress.outcomes import REFUSED, RIGHT, outcome, sequential

from .clips import CLIPS, Clip, encode
from .muxing import (
    VARIANTS,
    WHOLE,
    CannotWriteError,
    Container,
    Variant,
    containers_of,
    variants_of,
    written,
)
from .page import COLUMNS, PAGE, ROWS
from .refused import reason_to_refuse

FILES = [
    pytest.param(
        *(clip, container, variant),
        id="-".join((clip.name, container.name, variant.name)).replace(" ", "_"),
    )
    for clip in CLIPS.values()
    for container in containers_of(clip)
    for variant in variants_of(clip, container)
]
INTERLACED = ("MBAFF", "interlaced", "fields", "dvvideo")
BY_CODEC = {clip.codec: clip for clip in reversed(CLIPS.values())}


# What is encoded and muxed is what this one can; FFmpeg 9 refuses some of it.
IS_MEANT = int(av.__version__.split(".")[0]) == 18


def needs_encoder(clip: Clip) -> None:
    try:
        encode(clip)
    except (av.error.FFmpegError, ValueError) as error:
        if IS_MEANT:
            raise
        pytest.skip(f"PyAV {av.__version__} does not encode {clip.name}: {error}")


def written_or_skipped(clip: Clip, container: Container, variant: Variant) -> bytes:
    try:
        return written(clip, container, variant)
    except CannotWriteError as error:
        if IS_MEANT:
            raise
        pytest.skip(f"PyAV {av.__version__} does not write {container.name}: {error}")


@pytest.mark.parametrize(("clip", "container", "variant"), FILES)
def test_a_file_is_read_right_or_refused(clip, container, variant, tmp_path):
    needs_encoder(clip)
    path = tmp_path / f"cam{container.suffix}"
    path.write_bytes(written_or_skipped(clip, container, variant))
    found = outcome(path)
    reason = reason_to_refuse(clip, container, variant, found.truth)
    if reason:
        assert found.what == REFUSED, f"{found.what}, though {reason}: {found.why}"
    else:
        assert found.what == RIGHT, f"{found.what}: {found.why}"


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
def test_a_clip_is_what_its_name_says(clip):
    needs_encoder(clip)
    encoded = encode(clip)
    assert clip.b_frames == (encoded.pts != sorted(encoded.pts))
    key, leading = -1, 0
    for packet, shown in zip(encoded.packets, encoded.pts):
        key = shown if packet.is_keyframe else key
        leading += shown < key
    assert ("open" in clip.name) == (leading > 0)
    # Back where it came from, a clip is what the encoder made.
    container = max(containers_of(clip), key=lambda one: one.format == clip.source)
    file = io.BytesIO(written(clip, container, VARIANTS["true"]))
    with av.open(file) as opened:
        frames = list(opened.decode(video=0))
    assert len(frames) == clip.n_frames - len(encoded.hidden)
    assert clip.hidden == (len(encoded.hidden) > 0)
    is_interlaced = any(word in clip.name for word in INTERLACED)
    assert {frame.interlaced_frame for frame in frames} == {is_interlaced}
    # Else one frame could stand for another and nobody would see it.
    pictures = {frame.to_ndarray(format="rgb24").tobytes() for frame in frames}
    assert len(pictures) == len(frames)


@pytest.mark.parametrize("container", WHOLE, ids=lambda container: container.name)
def test_a_codec_that_is_left_out_cannot_be_had(container, tmp_path):
    r"""FFmpeg does not write it, or finds nothing in what it wrote."""
    path = tmp_path / f"cam{container.suffix}"
    had = []
    for codec in sorted(BY_CODEC.keys() - container.codecs):
        try:
            path.write_bytes(written(BY_CODEC[codec], container, VARIANTS["true"]))
        except (CannotWriteError, av.error.FFmpegError, ValueError):
            continue
        shown = sequential(path)
        if shown is not None and len(shown):
            had.append(codec)
    assert not had, f"add them to the codecs of {container.name}"


def test_the_page_has_all_clips_and_containers():
    if not PAGE.exists():
        pytest.skip("no docs/matrix.md yet: python -m tests.matrix writes it")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    table = next(n for n, row in enumerate(rows) if row[1:] == COLUMNS)
    names = [row[0].strip("`") for row in rows[table + 2 : table + 2 + len(ROWS)]]
    assert names == ROWS, "run python -m tests.matrix"
    assert not any("FAULT" in line for line in lines)
