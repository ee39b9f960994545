r"""Real files give the findings that their manifest says, and clean ones give none."""

from __future__ import annotations

import re

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._tools.checking import decoding_findings as decoding

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]

# Of these not even one key frame is tried, which takes seconds.
LARGE = {
    "ax_sample_edit_list.mp4",
    "mb_video-h265.mp4",
    "psd_issue-195-aspect-ratio.mp4",
    "psd_issue-134-rotate.mp4",
    "ax_pixel-motion-photo-2-hevc-tracks.mp4",
}
# What no column of the manifest tells; from its last one.
PECULIAR = {
    "mb_no-initial-keyframe.ts": {
        "edit-list",  # packets that show nothing, here for want of a key frame
        "through-container",
        "variable-frame-rate",
    },
}
SMALL = {
    "ax_bbb_176x144_128kbps_15fps_h263.3gp": set(),
    "ax_sample_2_byte_NAL_length.mp4": set(),
    "ax_sample_edit_list_only_preroll_sync_sample.mp4": set(),
    "ax_sample_fragmented.mp4": set(),
    "ax_sample_with_invalid_nalu.mp4": {"damaged-frames"},
    "ax_sample_without_stss.mp4": set(),
    "decord_flipping_a_pancake.mkv": set(),
    "deepof_circular_arena.mp4": set(),
    "fictrac_sample.mp4": set(),
    "mb_annex-b.mp4": {"concealed-damage"},
    "mb_no-initial-keyframe.ts": set(),
    "tc_discard_first_keyframe.mp4": set(),
    "tc_h264_10bits.mp4": set(),
    "tc_testsrc2_odd_height_and_width_444.mp4": set(),
}
BY_DECODING = {
    "damaged-frames",
    "concealed-damage",
    "false-key-frames",
    "not-decodable",
}


@pytest.fixture(scope="session")
def manifest(corpus) -> dict[str, dict[str, str]]:
    lines = (corpus / "MANIFEST.md").read_text().splitlines()
    tables = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    header, *rows = (row for row in tables if len(row) > 20 or row[0] == "file")
    return {row[0]: dict(zip(header, row)) for row in rows if len(row) == len(header)}


def expected_by_manifest(row: dict[str, str], pts: np.ndarray) -> set[str]:
    r"""The findings that other programs' view of a file asks for."""
    packets, decoded = map(int, re.findall(r"\d+", row["frames (packets/decoded)"])[:2])
    # Where frames do not decode, the pts that others show lack them.
    steps = np.diff(pts) if decoded == packets - int(row["disc"]) else np.ones(1)
    # A step may be rounded by a tick, and edit lists hide some.
    uneven = np.abs(steps - np.median(steps)) > 1
    declared = re.search(r"header (\d+)", row["frames (packets/decoded)"])
    longest = int(row["GOP min/med/max"].split("/")[-1])
    cut = "TRUNCATED" in row["peculiar"]
    told = {
        "edit-list": row["disc"] != "0",
        "open-gop": row["lead"] != "0",
        "rotation": row["rot"] != "0",
        "untagged-colour": "-" in row["range/matrix"],
        "more-than-8-bits": "10le" in row["pix_fmt"],
        "variable-frame-rate": row["VFR"].startswith("yes") and bool(uneven.any()),
        "late-start": row["start / min dts"].split(" ")[0] != "0",
        "several-videos": "2 video" in row["peculiar"],
        "cut-off": bool(declared) and cut,
        "declared-count": bool(declared) and not cut,
        "clock-gaps": bool((steps > 1.5 * np.median(steps)).any()),
        "clock-repeats": bool((steps == 0).any()),
        # Half a group is decoded in vain, on average; here at twice what is shown.
        "long-groups": longest > 60 and longest >= 4 * float(row["fps"]),
    }
    return {code for code, is_told in told.items() if is_told}


def framemd5_pts(corpus, name) -> np.ndarray:
    lines = (corpus / "framemd5" / f"{name}.framemd5").read_text().splitlines()
    return np.array([int(x.split(",")[2]) for x in lines if not x.startswith("#")])


def test_real_files_give_the_findings_of_their_manifest(
    corpus, corpus_name, manifest, monkeypatch
):
    if corpus_name in LARGE:
        monkeypatch.setattr(decoding, "_KEYS_TRIED", 0)
    report = tv.check_video(corpus / corpus_name)
    expected = expected_by_manifest(
        manifest[corpus_name], framemd5_pts(corpus, corpus_name)
    )
    expected |= PECULIAR.get(corpus_name, set()) | {"index-missing"}
    assert set(report.codes) == expected


@pytest.mark.parametrize("corpus_name", SMALL)
def test_damage_in_real_files(corpus, corpus_name):
    report = tv.check_video(corpus / corpus_name, decode=True)
    assert set(report.codes) & BY_DECODING == SMALL[corpus_name]


def test_what_ffmpeg_does_not_show_is_no_frame(corpus):
    name = "mb_no-initial-keyframe.ts"
    report = tv.check_video(corpus / name, decode=True)
    (hidden,) = (f for f in report.findings if f.code == "edit-list")
    assert report.frames == len(framemd5_pts(corpus, name)) == 15
    assert hidden.what.startswith("63 packets that no player shows")
