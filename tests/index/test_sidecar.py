r"""Sidecars: written whole or not at all, with the clock asked for, read by any layout."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

N = 40
CLOCK = 10.0 + np.arange(N) / 8
FOUR_COLUMNS = ["segment_idx", "local_frame_idx", "pts", "timestamp"]
ALL_COLUMNS = [*FOUR_COLUMNS, "dts", "pos", "size", "keyframe"]


@pytest.fixture(scope="session")
def bare_clip(tmp_path_factory) -> Path:
    r"""40 frames with B-frames, in groups of 8, without an index."""
    return make_clip(tmp_path_factory.mktemp("bare") / "cam.mp4", N, size=(32, 48), gop=8)


@pytest.fixture
def own_clip(bare_clip, tmp_path) -> Path:
    return Path(shutil.copy(bare_clip, tmp_path / "cam.mp4"))


def index(path, **options):
    return tv.write_index(path, progress=False, **options)


def numbers(video) -> list[int]:
    return read_numbers(video.frames).tolist()


# What is written ------------------------------------------------------------------------


def test_the_columns_are_those_of_the_layout(own_clip):
    import lance

    index(own_clip, timestamps=CLOCK)
    table = lance.dataset(f"{own_clip}.lance").to_table()
    types = {name: str(table.schema.field(name).type) for name in table.schema.names}
    expected = ["int64", "int64", "int64", "double", "int64", "int64", "int32", "bool"]
    assert list(types) == ALL_COLUMNS and list(types.values()) == expected
    assert table["timestamp"].to_numpy().tolist() == CLOCK.tolist()
    assert table["local_frame_idx"].to_pylist() == list(range(N))
    pts = table["pts"].to_numpy()
    assert (np.diff(pts) > 0).all()
    keys = table["keyframe"].to_numpy(zero_copy_only=False)
    assert np.flatnonzero(keys).tolist() == list(range(0, N, 8))


def test_positions_and_sizes_are_those_of_the_packets(own_clip):
    import av

    rows = index(own_clip).segments[0].rows(0, N)
    content = own_clip.read_bytes()
    with av.open(str(own_clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == N
    for packet in packets:
        (row,) = np.flatnonzero(rows.pts == packet.pts)
        start = int(rows.pos[row])
        assert content[start : start + int(rows.size[row])] == bytes(packet)
        assert rows.dts[row] == packet.dts and rows.keyframe[row] == packet.is_keyframe


def test_what_was_written_is_read(own_clip):
    written = index(own_clip, timestamps=CLOCK)
    opened = tv.LanceFrameIndex.open(f"{own_clip}.lance")
    assert isinstance(opened, tv.FrameIndex)
    for one in (opened, pickle.loads(pickle.dumps(opened))):
        assert one == written
        assert one.segment_frame_counts().tolist() == [N]
        assert one.timestamps().tolist() == CLOCK.tolist()
        assert one.pts_table(0).tolist() == written.pts_table(0).tolist()
        assert one.segments[0].stream == written.segments[0].stream
        assert one.segments[0].fingerprint == written.segments[0].fingerprint
    with pytest.raises(IndexError, match=r"segment 1 is out of range.*1 segments"):
        opened.pts_table(1)


def test_the_header_knows_the_stream_and_the_file(own_clip):
    segment = index(own_clip).segments[0]
    assert segment.stream.codec == "h264" and segment.stream.container.startswith("mov")
    assert (segment.stream.height, segment.stream.width) == (32, 48)
    assert segment.stream.readable_by_packet and segment.stream.extradata[:1] == b"\x01"
    assert segment.fingerprint.size == own_clip.stat().st_size
    assert segment.uri == str(own_clip)


def test_the_uri_in_the_sidecar_is_relative(own_clip):
    import lance

    index(own_clip)
    metadata = lance.dataset(f"{own_clip}.lance").schema.metadata
    assert str(own_clip.parent) not in str(metadata)
    header = json.loads(metadata[b"temporaldata_video"])
    assert header["segments"][0]["uri"] == "cam.mp4"


def test_the_containers_own_clock(own_clip):
    import av

    clock = index(own_clip).timestamps()
    with av.open(str(own_clip)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert np.allclose(clock, times, rtol=0, atol=1e-9)


def test_a_further_file_follows_the_one_before(tmp_path):
    paths = [make_clip(tmp_path / name, 10, rate=10) for name in ("a.mp4", "b.mp4")]
    clock = index(paths[0], segment_uris=paths[1:]).timestamps()
    assert np.allclose(clock, np.arange(20) / 10)


def test_overwriting_is_asked_for(own_clip):
    first = index(own_clip, timestamps=CLOCK)
    with pytest.raises(tv.FrameIndexError, match="already"):
        index(own_clip)
    second = index(own_clip, timestamps=CLOCK + 1.0, overwrite=True)
    assert second.timestamps().tolist() == (CLOCK + 1.0).tolist()
    assert second.index_id != first.index_id


def test_an_index_that_is_open_keeps_its_version(own_clip):
    first = index(own_clip, timestamps=CLOCK)
    other = pickle.dumps(first)
    index(own_clip, timestamps=CLOCK + 1.0, overwrite=True)
    assert first.timestamps().tolist() == CLOCK.tolist()
    assert pickle.loads(other).timestamps().tolist() == CLOCK.tolist()


def test_a_version_that_is_gone_is_stale(own_clip, run_python):
    first = index(own_clip, timestamps=CLOCK)
    shutil.rmtree(f"{own_clip}.lance")
    index(own_clip, timestamps=CLOCK + 1.0)
    # A fresh process has nothing open of the index that is gone.
    program = """
import pickle, sys
import temporaldata_video as tv
index = pickle.loads(bytes.fromhex(sys.argv[1]))
try:
    print(index.timestamps())
except tv.StaleIndexError as error:
    print("stale:", error)
"""
    said = run_python(program, pickle.dumps(first).hex())
    assert said.startswith("stale:") and "open the video again" in said


def test_an_index_elsewhere(own_clip, tmp_path):
    index(own_clip, index_uri=tmp_path / "far" / "away.lance", timestamps=CLOCK)
    video = tv.LazyVideo.from_uri(own_clip, index_uri=tmp_path / "far" / "away.lance")
    assert numbers(video.slice(11.0, 11.5)) == [8, 9, 10, 11]
    assert not Path(f"{own_clip}.lance").exists()


def test_a_place_that_cannot_be_written(own_clip, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(tv.FrameIndexError, match="index_uri"):
        index(own_clip, index_uri=tmp_path / "file" / "cam.lance")


# The clock ------------------------------------------------------------------------------


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
        found = index(own_clip, timestamps=np.arange(45.0), on_mismatch="trim")
    assert found.timestamps().tolist() == list(range(N))


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


@pytest.mark.parametrize("name, column", CLOCK_FILES.items())
def test_clocks_from_files(own_clip, clock_files, name, column):
    found = index(own_clip, timestamps=clock_files / name, column=column)
    assert found.timestamps().tolist() == CLOCK.tolist()


@pytest.mark.parametrize(
    "values", [CLOCK.tolist(), CLOCK.astype(np.float32), np.arange(N), tuple(CLOCK)]
)
def test_clocks_from_arrays(own_clip, values):
    found = index(own_clip, timestamps=values)
    assert found.timestamps().tolist() == np.asarray(values, np.float64).tolist()


@pytest.mark.parametrize(
    "name, content, column, says",
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


# Sidecars of other writers --------------------------------------------------------------


def write_four_columns(path, tables, clock=None) -> None:
    import lance
    import pyarrow as pa

    counts = [len(table) for table in tables]
    columns = {
        "segment_idx": np.repeat(np.arange(len(tables)), counts),
        "local_frame_idx": np.concatenate([np.arange(n) for n in counts]),
        "pts": np.concatenate(tables).astype(np.int64),
        "timestamp": CLOCK[: sum(counts)] if clock is None else clock,
    }
    lance.write_dataset(pa.table(columns), str(path))


@pytest.fixture(scope="session")
def concatenated(tmp_path_factory) -> Path:
    r"""One MP4 that two recordings were put into: a long pause is between their pts."""
    folder = tmp_path_factory.mktemp("concatenated")
    pts = 33 * np.arange(N) + np.where(np.arange(N) < 16, 0, 100_000)
    return make_clip(folder / "cam.mp4", N, size=(32, 48), gop=8, pts=pts)


def pts_of(path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.array([frame.pts for frame in container.decode(video=0)])


def assert_reads_right(path, index_uri):
    video = tv.LazyVideo.from_uri(path, index_uri=index_uri)
    n = len(video)
    assert numbers(video) == list(range(n))
    for start in (10.1, 11.5, 11.9, 12.0, 13.3):
        window = video.slice(start, start + 0.6)
        assert numbers(window) == window.frame_indices.tolist()
    assert read_numbers(video.frames_at([n - 1, 0, 20, 0])).tolist() == [n - 1, 0, 20, 0]
    assert numbers(pickle.loads(pickle.dumps(video)).slice(11.0, 11.5)) == [8, 9, 10, 11]
    return video


def test_four_columns_of_one_segment(own_clip):
    write_four_columns(f"{own_clip}.lance", [pts_of(own_clip)])
    video = assert_reads_right(own_clip, None)
    assert video.segment_frame_counts.tolist() == [N] and video.shape[1:] == (3, 32, 48)


@pytest.mark.parametrize("local", [False, True], ids=["pts of the file", "own pts"])
@pytest.mark.parametrize("cuts", [[16], [5, 16, 33], [20]])
def test_several_logical_segments_in_one_file(concatenated, tmp_path, cuts, local):
    tables = np.split(pts_of(concatenated), cuts)
    if local:
        tables = [table - table[0] for table in tables]
    write_four_columns(tmp_path / "four.lance", tables)
    video = assert_reads_right(concatenated, tmp_path / "four.lance")
    assert video.segment_frame_counts.tolist() == [len(table) for table in tables]
    assert video.segment_frame_offsets.tolist() == [0, *cuts]


def test_four_columns_with_a_clock_shorter_than_the_file(concatenated, tmp_path):
    first, second = np.split(pts_of(concatenated)[:33], [16])
    write_four_columns(tmp_path / "four.lance", [first, second])
    assert len(assert_reads_right(concatenated, tmp_path / "four.lance")) == 33


def test_four_columns_with_a_segment_shorter_than_its_part(concatenated, tmp_path):
    pts = pts_of(concatenated)
    write_four_columns(tmp_path / "four.lance", [pts[:12], pts[16:30]])
    video = tv.LazyVideo.from_uri(concatenated, index_uri=tmp_path / "four.lance")
    expected = [*range(12), *range(16, 30)]
    assert numbers(video) == expected


def test_four_columns_of_segments_in_files_of_their_own(tmp_path):
    names = ["cam.mp4", "cam_001.mp4"]
    paths = [
        make_clip(tmp_path / name, 20, size=(32, 48), first_frame=20 * k)
        for k, name in enumerate(names)
    ]
    write_four_columns(f"{paths[0]}.lance", [pts_of(path) for path in paths])
    assert_reads_right(paths[0], None)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".ts"])
def test_four_columns_of_other_containers(tmp_path, suffix):
    path = make_clip(tmp_path / f"cam{suffix}", N, size=(32, 48), gop=8, b_frames=0)
    pts = index(path, index_uri=tmp_path / "all.lance").pts_table(0)
    write_four_columns(f"{path}.lance", [pts])
    assert_reads_right(path, None)


def test_four_columns_read_what_all_columns_read(bare_clip, tmp_path):
    write_four_columns(tmp_path / "four.lance", [pts_of(bare_clip)])
    index(bare_clip, index_uri=tmp_path / "all.lance", timestamps=CLOCK)
    four, full = (
        tv.LazyVideo.from_uri(bare_clip, index_uri=tmp_path / f"{name}.lance")
        for name in ("four", "all")
    )
    assert np.array_equal(four.frames, full.frames)
    assert four.timestamps.tobytes() == full.timestamps.tobytes()


def test_four_columns_of_another_file(own_clip):
    write_four_columns(f"{own_clip}.lance", [pts_of(own_clip) + 7])
    video = tv.LazyVideo.from_uri(own_clip)
    with pytest.raises(tv.StaleIndexError, match=r"pts 7 in row 0.*--overwrite"):
        video.frames  # noqa: B018


@pytest.mark.parametrize(
    "segment, local",
    [([0, 1, 0], [0, 0, 1]), ([0, 0, 0], [0, 2, 1]), ([-1, 0, 0], [0, 0, 1])],
)
def test_rows_out_of_order_are_refused(own_clip, segment, local):
    import lance
    import pyarrow as pa

    table = pa.table(
        {
            "segment_idx": segment,
            "local_frame_idx": local,
            "pts": [0, 1, 2],
            "timestamp": [0.0, 1.0, 2.0],
        }
    )
    lance.write_dataset(table, f"{own_clip}.lance")
    with pytest.raises(tv.IndexFormatError, match="not sorted"):
        tv.LazyVideo.from_uri(own_clip)


def test_an_index_of_another_kind_with_a_short_clock(bare_clip):
    class Index:
        def segment_frame_counts(self):
            return np.array([N])

        def pts_table(self, segment):
            return pts_of(bare_clip)

        def timestamps(self):
            return CLOCK[:30]

    assert isinstance(Index(), tv.FrameIndex)
    video = tv.LazyVideo(bare_clip, frame_index=Index())
    assert len(video) == 30 and video.segment_frame_counts.tolist() == [N]
    assert numbers(video) == list(range(30))


# Many files -----------------------------------------------------------------------------


def test_many_files_and_one_that_fails(bare_clip, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    paths = [Path(shutil.copy(bare_clip, tmp_path / f"{k}.mp4")) for k in range(3)]
    paths.insert(1, tmp_path / "none.mp4")
    reports = tv.index_many(paths, progress=False)
    assert [report.status for report in reports] == ["done", "failed", "done", "done"]
    assert [report.frames for report in reports] == [N, 0, N, N]
    assert "none.mp4" in reports[1].reason
    make_clip(paths[2], 10, size=(32, 32))
    with ThreadPoolExecutor(2) as executor:
        reports = tv.index_many(paths, executor=executor, progress=False)
    # A stale index may hold a clock that is nowhere else: it is not written over unasked.
    assert [report.status for report in reports] == [
        "skipped",
        "failed",
        "failed",
        "skipped",
    ]
    assert "stale" in reports[2].reason and "overwrite" in reports[2].reason
    again = tv.index_many(paths[2:], overwrite=True, progress=False)
    assert [(report.status, report.frames) for report in again] == [
        ("done", 10),
        ("done", N),
    ]
    assert [report.uri for report in reports] == [str(path) for path in paths]


# A writer that is killed ----------------------------------------------------------------

# Forks before Lance is loaded, so that the child that is killed writes the index itself.
WRITER = """
import itertools, os, random, signal, sys, time
import numpy as np
import temporaldata_video as tv

clip, folder, overwrite = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
moments = random.Random(0)
for number in range(16):
    child = os.fork()
    if child == 0:
        for k in itertools.count(1):
            target = f"{folder}/{number}" if overwrite else f"{folder}/{number}-{k}"
            clock = k + np.arange(40) / 64
            tv.write_index(clip, index_uri=target, timestamps=clock, overwrite=overwrite,
                           progress=False)
            open(f"{folder}.ready{number}", "w").close()
    while not os.path.exists(f"{folder}.ready{number}"):
        time.sleep(0.01)
    time.sleep(moments.uniform(0.0, 0.3))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def clock_of(path) -> float:
    r"""Reads all of an index, and returns which of the writer's clocks it holds."""
    found = tv.LanceFrameIndex.open(path)
    clock = found.timestamps()
    offsets = set((clock - np.arange(N) / 64).tolist())
    assert len(clock) == N and len(offsets) == 1, "half an index"
    assert len(found.segments[0].rows(0, N)) == N
    return offsets.pop()


@needs_fork
def test_a_killed_writer_leaves_the_old_or_the_new_index(bare_clip, tmp_path, run_python):
    for number in range(16):
        index(bare_clip, index_uri=tmp_path / f"{number}", timestamps=np.arange(N) / 64)
    run_python(WRITER, bare_clip, tmp_path, True)
    found = [clock_of(tmp_path / f"{number}") for number in range(16)]
    assert max(found) > 0, "killed before anything was written: wait longer"
    for number in range(16):
        video = tv.LazyVideo.from_uri(bare_clip, index_uri=tmp_path / f"{number}")
        assert read_numbers(video.frames_at([0, N - 1])).tolist() == [0, N - 1]
        # And what is left over does not stand in the way.
        clock = np.arange(N) / 64
        index(bare_clip, index_uri=tmp_path / f"{number}", timestamps=clock, overwrite=True)
        assert clock_of(tmp_path / f"{number}") == 0.0


@needs_fork
def test_a_killed_first_writer_leaves_an_index_or_none(bare_clip, tmp_path, run_python):
    run_python(WRITER, bare_clip, tmp_path, False)
    left = sorted(tmp_path.iterdir())
    assert len(left) > 16, "killed before anything was written: wait longer"
    for path in left:
        try:
            assert clock_of(path) == int(path.name.split("-")[1])
        except tv.IndexNotFoundError:
            index(bare_clip, index_uri=path, timestamps=np.arange(N) / 64)
            assert clock_of(path) == 0.0
