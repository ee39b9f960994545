r"""Sidecars that an earlier version made wrong: found by check, and never copied by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._sidecar.sidecar_write import write_sidecar
from temporaldata_video.testing import make_clip, read_numbers

N = 48


def in_file_order(index):
    r"""Frames as their packets lie in the file, with the pts that FFmpeg makes up."""
    by_dts = np.argsort(index.frames.dts)
    frames = index.frames[by_dts]
    return replace(index, frames=replace(frames, pts=np.sort(frames.pts)))


def without_the_last(index):
    return replace(index, frames=index.frames[:-1])


def with_false_keys(index):
    return replace(index, frames=replace(index.frames, keyframe=np.ones(len(index), bool)))


WRONG = {
    "index-differs": (in_file_order, with_false_keys),
    "count-mismatch": (without_the_last,),
}
KINDS = [(code, change) for code, changes in WRONG.items() for change in changes]


@pytest.fixture(params=[".avi", ".mp4", ".ts"])
def clip(request, tmp_path):
    name = f"cam{request.param}"
    return make_clip(tmp_path / name, N, size=(32, 48), gop=12, b_frames=2)


@pytest.mark.parametrize(("code", "change"), KINDS)
def test_a_wrong_sidecar_is_found_and_not_copied(clip, code, change):
    right = build_segment(LocalStore(), str(clip))
    wrong = change(right)
    times = np.arange(len(wrong)) / 30
    write_sidecar(f"{clip}.lance", [str(clip)], [wrong], times)
    assert code in tv.check_video(clip).codes
    with pytest.raises(tv.FrameIndexError, match=r"A copy would keep the mistake.*index"):
        tv.reencode(clip, progress=False)
    assert not list(clip.parent.glob("*gop30*"))
    tv.write_index(clip, overwrite=True, progress=False)
    assert code not in tv.check_video(clip).codes
    tv.reencode(clip, progress=False)
    copy = tv.LazyVideo.from_uri(clip.with_name("cam_gop30.mp4"))
    assert read_numbers(copy.frames).tolist() == list(range(N))


def test_an_order_that_only_a_whole_decode_tells(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", N, size=(32, 48), gop=12, b_frames=2)
    tv.write_index(clip, progress=False)
    assert "order-differs" not in tv.check_video(clip, decode=True).codes
