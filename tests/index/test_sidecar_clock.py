r"""The clock that a sidecar is written with: from arrays and files, and with faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from tests.helpers import numbers

from .sidecars import CLOCK, N, index


def test_more_frames_than_timestamps(own_clip):
    with pytest.raises(ValueError, match=r"40 frames and 37 timestamps.*'trim'"):
        index(own_clip, timestamps=CLOCK[:37])
    assert not Path(f"{own_clip}.lance").exists()
    with pytest.warns(
        tv.IndexWarning, match="40 frames and 37 timestamps; the last 3 frames"
    ):
        index(own_clip, timestamps=CLOCK[:37], on_mismatch="trim")
    video = tv.LazyVideo.from_uri(own_clip)
    assert len(video) == 37 and numbers(video) == list(range(37))


def test_more_timestamps_than_frames(own_clip):
    with pytest.raises(ValueError, match="40 frames and 45 timestamps"):
        index(own_clip, timestamps=np.arange(45.0))
    with pytest.warns(tv.IndexWarning, match="the last 5 timestamps are dropped"):
        found = index(own_clip, timestamps=np.arange(45) / 32, on_mismatch="trim")
    assert found.timestamps().tolist() == (np.arange(N) / 32).tolist()


def test_timestamps_that_are_missing(own_clip):
    clock = CLOCK.copy()
    clock[[3, 7]] = np.nan
    with pytest.raises(ValueError, match=r"2 of 40 timestamps .* NaN, the first at row 3"):
        index(own_clip, timestamps=clock)
    index(own_clip, timestamps=clock, on_nan="drop")
    video = tv.LazyVideo.from_uri(own_clip)
    expected = np.delete(np.arange(N), [3, 7]).tolist()
    assert video.frame_indices.tolist() == expected and numbers(video) == expected
    assert video.segment_frame_counts.tolist() == [N]


def test_a_clock_that_runs_back(own_clip):
    clock = CLOCK.copy()
    clock[[10, 20]] = clock[[20, 10]]
    with pytest.raises(tv.ClockError, match=r"steps back in 2 places \(rows 11, 20"):
        index(own_clip, timestamps=clock)
    index(own_clip, timestamps=tv.Clock(clock, on_jump="keep"))
    video = tv.LazyVideo.from_uri(own_clip)
    assert (np.diff(video.timestamps) > 0).all()
    assert numbers(video.slice(clock[10] - 0.01, clock[10] + 0.01)) == [10]


@pytest.mark.parametrize("argument", ["on_mismatch", "on_nan"])
def test_arguments_that_are_unknown(own_clip, argument):
    with pytest.raises(ValueError, match=f"{argument} must be one of .*'guess'"):
        index(own_clip, timestamps=CLOCK, **{argument: "guess"})


CLOCK_FILES = {
    "clock.npy": None,
    "clock.csv": None,
    "one.txt": None,
    "named.csv": "time",
    "numbered.csv": 1,
    "digits.csv": "1",
    "bare.tsv": 2,
    "spaces.txt": "t",
}


@pytest.fixture
def clock_files(tmp_path) -> Path:
    rows = range(N)
    np.save(tmp_path / "clock.npy", CLOCK)
    (tmp_path / "clock.csv").write_text("seconds\n" + "".join(f"{t}\n" for t in CLOCK))
    (tmp_path / "one.txt").write_text("".join(f"{t}\n" for t in CLOCK))
    body = "".join(f"{k},{t},x\n" for k, t in zip(rows, CLOCK))
    for name in ("named.csv", "numbered.csv", "digits.csv"):
        (tmp_path / name).write_text("frame,time,note\n" + body)
    (tmp_path / "bare.tsv").write_text(
        "".join(f"{k}\t0\t{t}\n" for k, t in zip(rows, CLOCK))
    )
    (tmp_path / "spaces.txt").write_text(
        "k t\n" + "".join(f"{k} {t}\n" for k, t in zip(rows, CLOCK))
    )
    return tmp_path


@pytest.mark.parametrize(("name", "column"), CLOCK_FILES.items())
def test_clocks_from_files(own_clip, clock_files, name, column):
    found = index(own_clip, timestamps=clock_files / name, column=column)
    assert found.timestamps().tolist() == CLOCK.tolist()


@pytest.mark.parametrize(
    "values",
    [CLOCK.tolist(), CLOCK.astype(np.float32), tuple(CLOCK)],
)
def test_clocks_from_arrays(own_clip, values):
    found = index(own_clip, timestamps=values)
    assert found.timestamps().tolist() == np.asarray(values, np.float64).tolist()


@pytest.mark.parametrize(
    ("name", "content", "column", "says"),
    [
        ("t.csv", "a,b\n1,2\n", None, "2 columns.*a, b"),
        ("t.csv", "a,b\n1,2\n", "c", "no column 'c'.*0: a, 1: b"),
        ("t.csv", "a,b\n1,2\n", 2, "no column 2"),
        ("t.csv", "a,b\n1,2\n", -1, "no column -1"),
        ("t.csv", "a,b\n1,2\n3,soon\n", "b", "line 3: 'soon' is no"),
        ("t.csv", "", None, "empty"),
        ("t.xls", "1", None, "suffix '.xls'.*npy"),
        ("t.csv", "a\ninf\n", None, r"timestamps\[0\] is inf"),
    ],
)
def test_clock_files_that_make_no_sense(own_clip, tmp_path, name, content, column, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=says):
        index(own_clip, timestamps=tmp_path / name, column=column)


@pytest.mark.parametrize("values", [np.zeros((N, 2)), ["a"] * N, [None] * N, 3.0])
def test_clocks_that_make_no_sense(own_clip, values):
    with pytest.raises(ValueError, match="timestamps must be"):
        index(own_clip, timestamps=values)


def test_a_clock_file_that_is_missing(own_clip, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.npy"):
        index(own_clip, timestamps=tmp_path / "none.npy")
