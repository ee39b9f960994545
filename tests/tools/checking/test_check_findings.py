r"""Each kind of finding, on a clip that was made to have it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.deep import depth_frames, write_frames
from tests.helpers import write_four_columns

TAGGED = {"colorspace": "bt709", "color_range": "tv"}


def clip_options(gop: int = 12, **options) -> dict[str, str]:
    exact = {"keyint_min": str(gop), "sc_threshold": "0", "bf": "0", "b_strategy": "0"}
    return {"g": str(gop), "preset": "ultrafast", **exact, **TAGGED, **options}


@pytest.fixture
def clean(tmp_path):
    r"""60 frames with short groups of pictures and colour tags, indexed."""
    path = make_clip(
        tmp_path / "cam.mp4", 60, codec_options=clip_options(bf="2", b_pyramid="none")
    )
    tv.write_index(path, progress=False)
    return path


def index_at(path, times):
    return tv.write_index(
        path,
        timestamps=tv.Clock(np.asarray(times), unit="s", on_jump="keep", on_nan="drop"),
        overwrite=True,
        progress=False,
    )


def found(report: tv.CheckReport, code: str) -> tv.Finding:
    (finding,) = (f for f in report.findings if f.code == code)
    return finding


@pytest.mark.parametrize("decode", [False, True])
def test_nothing_is_found_in_a_clean_video(clean, decode):
    report = tv.check_video(clean, decode=decode)
    assert report.findings == () and report.frames == 60
    assert report.severity is tv.Severity.INFO and report.decoded is decode


def test_nothing_is_written(clean):
    before = {p: p.stat().st_mtime_ns for p in clean.parent.rglob("*")}
    tv.check_video(clean, decode=True)
    assert {p: p.stat().st_mtime_ns for p in clean.parent.rglob("*")} == before


# The index ------------------------------------------------------------------------------


def test_a_video_without_an_index(tiny_clip):
    finding = found(tv.check_video(tiny_clip), "index-missing")
    assert finding.severity is tv.Severity.WARNING
    assert finding.remedy.startswith(f"temporaldata-video index {tiny_clip}")


@pytest.mark.parametrize("same_size", [False, True])
def test_an_index_of_another_file(clean, same_size):
    data = bytearray(clean.read_bytes())
    data[-1] ^= 1
    clean.write_bytes(data if same_size else data + b"\0" * 8)
    finding = found(tv.check_video(clean), "index-stale")
    assert finding.severity is tv.Severity.ERROR
    assert "other contents" in finding.what if same_size else "bytes where" in finding.what


def test_an_index_that_cannot_be_read(clean):
    for manifest in (clean.parent / "cam.mp4.lance" / "_versions").iterdir():
        manifest.write_bytes(b"no manifest")
    report = tv.check_video(clean)
    assert found(report, "index-damaged").severity is tv.Severity.ERROR
    assert report.frames == 60


def test_an_index_whose_rows_cannot_be_read(clean):
    (data,) = (clean.parent / "cam.mp4.lance" / "data").iterdir()
    data.write_bytes(b"no data")
    assert found(tv.check_video(clean), "index-damaged").severity is tv.Severity.ERROR


def test_an_index_that_says_what_is_not_so(clean):
    import lance

    place = f"{clean}.lance"
    table = lance.dataset(place).to_table()
    sizes = table["size"].to_numpy().copy()
    sizes[[20, 40]] += 1
    at = table.schema.get_field_index("size")
    lance.write_dataset(
        table.set_column(at, table.schema.field("size"), [sizes]), place, mode="overwrite"
    )
    what = found(tv.check_video(clean), "index-differs").what
    assert "2 frames, the first is 20" in what


@pytest.mark.parametrize("rows", [60, 50])
def test_an_index_without_positions(clean, rows):
    pts = tv.LanceFrameIndex.open(f"{clean}.lance").pts_table(0)[:rows]
    write_four_columns(f"{clean}.lance", [pts], pts / 30)
    report = tv.check_video(clean)
    assert "index-without-positions" in report.codes
    assert ("count-mismatch" in report.codes) == (rows < 60)


def test_an_index_without_positions_of_another_file(clean):
    write_four_columns(f"{clean}.lance", [np.arange(60) + 7], np.arange(60) / 30)
    assert "pts" in found(tv.check_video(clean), "index-stale").what


# The clock ------------------------------------------------------------------------------


def test_gaps_are_counted_and_placed(clean):
    times = np.arange(60) / 30
    times[20:] += 0.1
    times[40:] += 0.2
    index_at(clean, times)
    finding = found(tv.check_video(clean), "clock-gaps")
    assert "2 gaps" in finding.what and "rows 20, 40" in finding.what
    assert "0.233 s" in finding.what and "9 frames" in finding.what


def test_repeats_steps_back_and_missing_times(clean):
    times = np.arange(60) / 30
    times[10], times[30], times[5] = times[9], times[20], np.nan
    index_at(clean, times)
    report = tv.check_video(clean)
    assert "row 10" in found(report, "clock-repeats").what
    assert "row 30" in found(report, "clock-jumps").what
    assert "1 frame without a time (row 5)" in found(report, "frames-without-time").what
    assert report.severity is tv.Severity.WARNING


@pytest.mark.parametrize(
    ("pace", "severity", "words"),
    [
        (1.0, None, ""),
        (1.03, tv.Severity.WARNING, "drifts by 30000 millionths"),
        (2.0, tv.Severity.WARNING, "runs 2 times as fast"),
        (1000.0, tv.Severity.ERROR, "runs 1000 times as fast"),
    ],
)
@pytest.mark.filterwarnings("ignore:the clock of")
def test_drift_against_the_container(clean, pace, severity, words):
    index_at(clean, 100.0 + pace * np.arange(60) / 30)
    report = tv.check_video(clean)
    if severity is None:
        assert "clock-drift" not in report.codes
    else:
        finding = found(report, "clock-drift")
        assert words in finding.what and finding.severity is severity
        assert ("--unit ms" in finding.remedy) == (severity is tv.Severity.ERROR)


def test_another_clock_may_be_tried(clean):
    times = np.arange(58) / 30
    report = tv.check_video(clean, timestamps=times)
    finding = found(report, "count-mismatch")
    assert "60 frames and 58 timestamps" in finding.what
    assert finding.severity is tv.Severity.ERROR
    backwards = np.arange(60) / 30
    backwards[7] = 0.0
    report = tv.check_video(clean, timestamps=backwards)
    assert found(report, "clock-jumps").severity is tv.Severity.ERROR
    assert tv.check_video(clean, timestamps=np.arange(60) / 30).findings == ()


def test_a_clock_that_names_its_frames(clean):
    named = np.delete(np.arange(60), [10, 11])
    clock = tv.Clock(named / 30, frame_index=named)
    assert tv.check_video(clean, timestamps=clock).codes == ("count-mismatch", "clock-gaps")


def test_a_late_start_of_the_container(tmp_path):
    path = make_clip(
        tmp_path / "late.mp4", 20, pts=np.arange(20) * 33 + 5000, codec_options=TAGGED
    )
    tv.write_index(path, progress=False)
    assert "5.000 s" in found(tv.check_video(path), "late-start").what
    tv.write_index(path, timestamps=np.arange(20) * 0.033, overwrite=True, progress=False)
    assert "late-start" not in tv.check_video(path).codes


# The container and the encoding ---------------------------------------------------------


@pytest.mark.parametrize(("jitter", "severity"), [(2, "info"), (9, "warning")])
def test_variable_frame_rate(tmp_path, jitter, severity):
    pts = np.arange(40) * 33
    pts[20:] += jitter
    path = make_clip(tmp_path / "vfr.mp4", 40, pts=pts)
    finding = found(tv.check_video(path), "variable-frame-rate")
    assert str(finding.severity) == severity and "1 of 39 steps" in finding.what
    assert ("--no-fps-keep" in finding.remedy) == (severity == "warning")


def test_long_groups_say_what_they_cost(tmp_path):
    long = make_clip(tmp_path / "long.mp4", 600, size=(32, 32), gop=200)
    finding = found(tv.check_video(long), "long-groups")
    assert "up to 200 pictures" in finding.what and "to show 30" in finding.what
    assert finding.remedy == f"temporaldata-video reencode {long} --gop 30"
    decoded = int(finding.what.split("decodes ")[1].split()[0])
    # A window begins anywhere in a group, half of which comes before it on average.
    assert 90 < decoded < 170


def test_open_groups_are_found_and_decode_all_the_same(tmp_path):
    path = make_clip(tmp_path / "open.mp4", 60, open_gop=True)
    report = tv.check_video(path, decode=True)
    assert "at 4 of 5 key frames" in found(report, "open-gop").what
    assert report.severity is tv.Severity.WARNING


def test_a_file_that_was_cut_off(tmp_path):
    path = make_clip(tmp_path / "cut.mp4", 60, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 4])
    finding = found(tv.check_video(path), "cut-off")
    assert finding.severity is tv.Severity.ERROR and "more than the file" in finding.what


def test_colour_tags_and_further_videos(tmp_path):
    path = make_clip(tmp_path / "two.mp4", 20, second_video=True)
    report = tv.check_video(path)
    assert "matrix and range" in found(report, "untagged-colour").what
    assert "2 video streams" in found(report, "several-videos").what


def test_what_is_no_video_is_a_finding(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("This is no video.\n" * 50)
    for path in (text, tmp_path / "nowhere.mp4"):
        report = tv.check_video(path)
        assert report.codes == ("unreadable",) and report.frames == 0


def test_all_files_of_a_video_are_checked(tmp_path):
    first = make_clip(tmp_path / "a.mp4", 30, codec_options=clip_options())
    second = make_clip(tmp_path / "b.mp4", 30, codec_options=clip_options(gop=250))
    tv.write_index(first, segment_uris=[second], progress=False)
    assert tv.check_video(first, decode=True).findings == ()
    second.write_bytes(second.read_bytes() + b"\0" * 8)
    assert str(second) in found(tv.check_video(first), "index-stale").what


# By decoding ----------------------------------------------------------------------------


def move_key_flag(path, entry: int, number: int) -> None:
    r"""Has the sample table call another frame a key frame, numbered from 1."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stss") + 12 + 4 * entry
    data[at : at + 4] = number.to_bytes(4, "big")
    path.write_bytes(data)


@pytest.mark.parametrize("decode", [False, True])
def test_key_frames_that_are_none(tmp_path, decode):
    path = make_clip(tmp_path / "false.mp4", 60, codec_options=clip_options())
    move_key_flag(path, 2, 30)  # frame 29 instead of frame 24
    finding = found(tv.check_video(path, decode=decode), "false-key-frames")
    assert "1 of 5 key frames" in finding.what
    assert finding.severity is tv.Severity.ERROR


def damage(path, frame: int) -> None:
    r"""Overwrites the second half of the packet of a frame."""
    packets = tv.write_index(path, overwrite=True, progress=False).segments[0].rows(0, 60)
    pos, size = int(packets.pos[frame]), int(packets.size[frame])
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(0).bytes(size // 2)
    data[pos + size - len(noise) : pos + size] = noise
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damage_is_found_by_decoding_all(tmp_path, codec):
    options = {} if codec == "mpeg4" else {"codec_options": clip_options()}
    path = make_clip(tmp_path / "cam.mp4", 60, codec=codec, b_frames=0, **options)
    damage(path, 12)
    assert not {"concealed-damage", "damaged-frames"} & {*tv.check_video(path).codes}
    report = tv.check_video(path, decode=True)
    (finding,) = (f for f in report.findings if "damage" in f.code)
    # The frame after it may refer to what is missing.
    assert " of 60 frames (12" in finding.what
    assert report.severity is tv.Severity.ERROR


def test_frames_that_do_not_decode(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, codec="mjpeg")
    packets = tv.write_index(path, progress=False).segments[0].rows(0, 60)
    data = bytearray(path.read_bytes())
    for frame in (7, 8):
        pos = int(packets.pos[frame])
        data[pos : pos + int(packets.size[frame])] = b"\0" * int(packets.size[frame])
    path.write_bytes(data)
    finding = found(tv.check_video(path, decode=True), "damaged-frames")
    assert "2 of 60 frames" in finding.what and "(7, 8: " in finding.what
    assert "Errno" not in finding.what


def test_a_report_is_json(clean):
    index_at(clean, np.arange(60) / 10)
    told = json.loads(tv.check_video(clean).to_json())
    assert told["severity"] == "warning" and told["frames"] == 60
    (finding,) = told["findings"]
    assert finding["code"] == "clock-drift" and set(finding) == {
        "severity",
        "code",
        "what",
        "meaning",
        "remedy",
        "uri",
    }


def test_a_video_that_is_not_on_this_machine(clean):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("memory://lab/cam.mp4", clean.read_bytes())
    try:
        report = tv.check_video("memory://lab/cam.mp4", decode=True)
        assert report.codes == ("index-missing",) and report.frames == 60
        index_uri = f"{clean}.lance"
        assert tv.check_video("memory://lab/cam.mp4", index_uri=index_uri).findings == ()
    finally:
        memory.rm("memory://lab", recursive=True)


# The container's clock -------------------------------------------------------------------


def test_an_elementary_stream_has_no_clock(tmp_path):
    path = make_clip(tmp_path / "cam.h264", 30, size=(32, 48), gop=10)
    finding = found(tv.check_video(path), "no-clock")
    assert "frames/s" in finding.what and "--timestamps" in finding.remedy


def test_a_clock_that_starts_again(tmp_path):
    parts = [make_clip(tmp_path / f"{k}.ts", 30, size=(32, 48), gop=10) for k in range(2)]
    path = tmp_path / "cam.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    finding = found(tv.check_video(path), "clock-restarts")
    assert "steps back 1 times" in finding.what
    with pytest.warns(tv.IndexWarning, match="steps back 1 times"):
        tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    shown = read_numbers(video.frames_at(np.argsort(video.frame_indices)))
    assert shown.tolist() == [*range(30), *range(30)]


def test_what_8_bits_would_lose(tmp_path):
    path = write_frames(tmp_path / "depth.mkv", depth_frames(30))
    tv.write_index(path, progress=False)
    finding = found(tv.check_video(path), "more-than-8-bits")
    assert finding.severity is tv.Severity.WARNING
    assert finding.what == (
        "samples have 16 bits (gray16le): of 55 grey levels in 5 frames, 8 bits keep 1"
    )
    assert "dtype='auto'" in finding.remedy


def test_colour_of_10_bits_is_only_noted(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 20, pixel_format="yuv420p10le", gop=10)
    finding = found(tv.check_video(path), "more-than-8-bits")
    assert finding.severity is tv.Severity.INFO
    assert "samples have 10 bits (yuv420p10le)" in finding.what
