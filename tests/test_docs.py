r"""The examples of the documentation run as they stand, and give what pages say."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from temporaldata import Data, IrregularTimeSeries, RegularTimeSeries

import temporaldata_video as tv
from temporaldata_video._cli.main import main
from temporaldata_video.testing import make_clip
from tests.deep import grey_frame, write_frames
from tests.pages import (
    PAGES,
    Block,
    blocks_of,
    commands_of,
    run_python,
    run_shell,
    text_of,
)
from tests.servers import S3Server

N_FRAMES, RATE = 120, 60
FIRST_SECOND = 99.5
# What only some machines have; examples that need it are cases of their own.
LIBRARIES = ("ray", "rerun")
# Pages whose examples run elsewhere, or measure for minutes.
ELSEWHERE = {
    "docs/training.md": "tests/test_training.py",
    "docs/benchmarks.md": "nox -s bench",
    "CONTRIBUTING.md": "nox",
}
# Pages of what is done by hand, with other programs and elsewhere.
BY_HAND = {"RELEASE.md", "docs/install.md", "docs/upstream.md"}


# What the reader of each page has -------------------------------------------------------


def has_camera(folder: Path, camera: Path, n_videos: int = 1) -> dict[str, Any]:
    r"""A video of two seconds around 100 s of a recording, its clock in two files, and
    the recording's other series."""
    times = FIRST_SECOND + np.arange(N_FRAMES) / RATE
    for number in range(n_videos):
        at = folder / f"day{number + 1}" if n_videos > 1 else folder
        at.mkdir(parents=True, exist_ok=True)
        shutil.copy(camera, at / "cam.mp4")
        np.save(at / "cam_times.npy", times)
        lines = ["time", *map(repr, times.tolist())]
        (at / "cam_times.csv").write_text("\n".join(lines) + "\n")
    rng = np.random.default_rng(0)
    return {
        "spikes": IrregularTimeSeries(
            timestamps=np.sort(rng.uniform(0.0, 3600.0, 5000)), domain="auto"
        ),
        "lfp": RegularTimeSeries(
            raw=rng.normal(size=(36_000, 2)), sampling_rate=10.0, domain="auto"
        ),
    }


def has_nothing(folder: Path, camera: Path) -> dict[str, Any]:
    return {}


def has_indexed_camera(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_camera(folder, camera)
    tv.write_index("cam.mp4", timestamps="cam_times.npy", verify=True, progress=False)
    return names


def has_proxies(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_many_videos(folder, camera)
    has_indexed_camera(folder, camera)
    tv.index_many(names["uris"][:2], progress=False)
    return names


def has_two_cameras(folder: Path, camera: Path) -> dict[str, Any]:
    has_camera(folder, camera)
    for name, suffix in (("cam", ".mp4"), ("cam_times", ".npy")):
        shutil.move(f"{name}{suffix}", f"{name.replace('cam', 'face')}{suffix}")
    make_clip("body.mp4", 50, size=(240, 320), rate=25)
    np.save("body_times.npy", FIRST_SECOND + 0.01 + np.arange(50) / 25)
    return {}


def has_depth_camera(folder: Path, camera: Path) -> dict[str, Any]:
    values = np.arange(480 * 640, dtype=np.uint16).reshape(480, 640) // 64
    frames = [grey_frame(values + k, "gray16le") for k in range(31)]
    tv.write_index(write_frames(folder / "depth.mkv", frames), progress=False)
    return {}


def has_clock_of_a_lab(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_camera(folder, camera)
    stamps = 1_700_000_000_123_456_789 + np.arange(N_FRAMES) * (10**9 // RATE)
    rows = [f"{number},{stamp}" for number, stamp in enumerate(stamps.tolist())]
    Path("cam.csv").write_text("\n".join(["FrameNumber,PylonTimestamp", *rows]) + "\n")
    make_clip("movie.mp4", 60)
    return names


def has_place_for_copies(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_indexed_camera(folder, camera)
    Path("archive").mkdir()
    return names


def has_demo(folder: Path, camera: Path) -> dict[str, Any]:
    with pytest.raises(SystemExit):
        main(["demo", "."])
    n_frames = tv.LazyVideo.from_uri("cam.mp4").frame_count
    with h5py.File("pose.analysis.h5", "w") as file:
        file["tracks"] = np.full((1, 2, 2, n_frames), 50.0)
        file["point_scores"] = np.ones((1, 2, n_frames))
        file["node_names"] = [b"nose", b"tail"]
    return {}


def has_viewer(folder: Path, camera: Path) -> dict[str, Any]:
    for library in ("bokeh", "starlette", "uvicorn"):
        pytest.importorskip(library)
    return has_demo(folder, camera)


def has_many_videos(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_camera(folder, camera, n_videos=2)
    shutil.copytree(folder / "day2", folder / "shared" / "day2")
    tv.write_index("day2/cam.mp4", timestamps="day2/cam_times.npy", progress=False)
    Path("videos.txt").write_text("day1/cam.mp4\nday2/cam.mp4\n")
    Path("bin").mkdir()
    sbatch = Path("bin/sbatch")
    sbatch.write_text(f"#!{sys.executable}\n{SBATCH}")
    sbatch.chmod(0o755)
    return {**names, "uris": [f"{folder}/day{day}/cam.mp4" for day in (1, 2, 3)]}


# There is no Slurm here: this runs the first two tasks of an array.
SBATCH = """
import argparse, os, subprocess
parser = argparse.ArgumentParser()
parser.add_argument("--array")
parser.add_argument("--wrap")
told = parser.parse_args()
first, last = map(int, told.array.split("-"))
for task in (first, first + 1):
    numbers = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": last - first + 1}
    environment = {**os.environ, **{name: str(value) for name, value in numbers.items()}}
    subprocess.run(told.wrap, shell=True, check=True, env=environment)
"""


def has_nwb_file(folder: Path, camera: Path) -> dict[str, Any]:
    pynwb = pytest.importorskip("pynwb")
    names = has_camera(folder, camera)
    told = {"session_start_time": datetime(2026, 1, 1, tzinfo=UTC)}
    session, other = (
        pynwb.NWBFile(session_description="a mouse", identifier=name, **told)
        for name in ("session", "other")
    )
    session.add_acquisition(
        pynwb.image.ImageSeries(
            name="BehaviorVideo",
            format="external",
            external_file=["cam.mp4"],
            starting_frame=[0],
            dimension=[640, 480],
            unit="n.a.",
            timestamps=np.load("cam_times.npy"),
        )
    )
    with pynwb.NWBHDF5IO("session.nwb", "w") as io:
        io.write(session)
    return {**names, "nwbfile": other}


def has_several_files(folder: Path, camera: Path) -> dict[str, Any]:
    (folder / "Miniscope").mkdir()
    for number in range(12):
        path = folder / "Miniscope" / f"{number}.avi"
        make_clip(path, 10, size=(32, 32), rate=20, codec="mjpeg")
    rows = [f"{number},{50 * number},0" for number in range(N_FRAMES)]
    header = "Frame Number,Time Stamp (ms),Buffer Index"
    table = "\n".join([header, *rows]) + "\n"
    (folder / "Miniscope" / "timeStamps.csv").write_text(table)
    for number in range(3):
        shutil.copy(camera, folder / f"cam_{number}.mp4")
    return {}


def has_folder_to_move_to(folder: Path, camera: Path) -> dict[str, Any]:
    names = has_indexed_camera(folder, camera)
    (folder / "archive").mkdir()
    return names


def has_archive(folder: Path, camera: Path) -> dict[str, Any]:
    (folder / "archive" / "mouse7").mkdir(parents=True)
    shutil.copy(camera, folder / "archive" / "mouse7" / "cam.mp4")
    # What installing the distributions of the page would leave.
    blocks = re.findall(r"```toml\n(.*?)```", text_of("docs/plugins.md"), re.DOTALL)
    for number, block in enumerate(blocks):
        groups = tomllib.loads(block)["project"]["entry-points"]
        lines = []
        for group, points in groups.items():
            lines += [f"[{group}]", *(f"{name} = {at}" for name, at in points.items())]
        info = folder / f"plugin{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: plugin{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return {}


READERS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "README.md": has_camera,
    "docs/guide.md": has_indexed_camera,
    "docs/cache.md": has_camera,
    "docs/check.md": has_indexed_camera,
    "docs/clocks.md": has_clock_of_a_lab,
    "docs/depth.md": has_depth_camera,
    "docs/encoding.md": has_place_for_copies,
    "docs/environment.md": has_camera,
    "docs/errors.md": has_indexed_camera,
    "docs/help.md": has_indexed_camera,
    "docs/looking.md": has_demo,
    "docs/many-recordings.md": has_many_videos,
    "docs/moving.md": has_folder_to_move_to,
    "docs/nwb.md": has_nwb_file,
    "docs/plugins.md": has_archive,
    "docs/proxies.md": has_proxies,
    "docs/s3.md": has_camera,
    "docs/several-cameras.md": has_two_cameras,
    "docs/several-files.md": has_several_files,
    "docs/viewing.md": has_viewer,
    "docs/tutorial.md": has_nothing,
}
# Objects of the bucket ``lab`` that a page expects, and whether with an index.
OBJECTS = {
    "docs/cache.md": {"cam.mp4": True},
    "docs/s3.md": {"day1/cam.mp4": False, "day2/cam.mp4": False},
}
# What stands on these machines for places that pages name.
PLACES: dict[str, Callable[[pytest.FixtureRequest, Path], str]] = {
    "/scratch": lambda request, folder: f"{folder}/scratch",
    "/shared/": lambda request, folder: f"{folder}/shared/",
    '"/archive"': lambda request, folder: repr(f"{folder}/archive"),
    "tcp://head:8786": lambda request, folder: request.getfixturevalue("dask")[0],
    "https://s3.lab.org": lambda request, folder: request.getfixturevalue("s3").url,
    "https://lab.org": lambda request, folder: request.getfixturevalue("files").url,
}


def with_places(block: Block, request: pytest.FixtureRequest, folder: Path) -> Block:
    text = block.text
    for named, find in PLACES.items():
        if named in text:
            text = text.replace(named, find(request, folder))
    return replace(block, text=text)


@pytest.fixture(scope="module")
def camera(tmp_path_factory) -> Path:
    return make_clip(
        tmp_path_factory.mktemp("camera") / "cam.mp4",
        N_FRAMES,
        size=(480, 640),
        rate=RATE,
        gop=30,
    )


@pytest.fixture
def own_environment():
    r"""What pages set in the environment is gone after them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


# Examples -------------------------------------------------------------------------------


def cases() -> Iterator[Any]:
    for page in READERS:
        blocks = blocks_of(page)
        yield pytest.param(page, "", id=page)
        for library in LIBRARIES:
            if any(block.imports(library) for block in blocks):
                yield pytest.param(page, library, id=f"{page}-{library}")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
# Newer hosts deprecate the argument without which older ones have no domain.
@pytest.mark.filterwarnings("ignore:The `domain` argument:DeprecationWarning")
@pytest.mark.parametrize(("page", "library"), list(cases()))
def test_examples_run(
    page, library, tmp_path, camera, request, monkeypatch, own_environment
):
    pytest.importorskip("matplotlib")
    if library:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    names = READERS[page](tmp_path, camera)
    if page in OBJECTS:
        put_objects(request.getfixturevalue("s3"), OBJECTS[page], camera)
    (tmp_path / "scratch").mkdir()
    if "https://lab.org" in text_of(page):
        request.getfixturevalue("files").put("cam.mp4", camera.read_bytes())
    ran = 0
    for block in blocks_of(page):
        needs = next((name for name in LIBRARIES if block.imports(name)), "")
        if (library and needs != library) or (needs and not library):
            continue
        block = with_places(block, request, tmp_path)
        if block.language == "python":
            run_python(block, names)
        else:
            run_shell(block, tmp_path / "bin")
        ran += 1
    assert ran
    if "ray" in names:
        names["ray"].shutdown()


def put_objects(s3: S3Server, objects: dict[str, bool], camera: Path) -> None:
    os.environ.update(s3.environment())
    for key, indexed in objects.items():
        uri = s3.put(f"lab/{key}", camera.read_bytes())
        if indexed:
            clock = np.load("cam_times.npy")
            tv.write_index(uri, timestamps=clock, overwrite=True, progress=False)


def test_tutorial_runs_with_a_video_of_ones_own(tmp_path, run_python, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    make_clip("cam.mp4", 200, size=(72, 128), rate=10, codec="libx265", b_frames=2)
    times = 3.0 + np.arange(200) / 10
    np.savetxt("cam_times.csv", times, header="time", comments="")
    np.savetxt(
        "spikes.csv", np.c_[times, times % 3], header="t,u", comments="", delimiter=","
    )
    made, *cells = python_of("docs/tutorial.md")
    assert "make_recording" in made
    run_python("\n".join(cells))
    assert Data.load("rec.h5").slice(12.0, 13.0).video.frames.shape == (10, 3, 72, 128)
    assert Path("recording.png").stat().st_size > 10_000


def python_of(page: str) -> list[str]:
    return [block.text for block in blocks_of(page) if block.language == "python"]


# The phrase book ------------------------------------------------------------------------

PHRASES = "docs/from-other-readers.md"
PEERS = {"torchcodec": "torchcodec", "OpenCV": "cv2", "decord": "decord"}


@pytest.fixture
def phrases(tmp_path, monkeypatch):
    r"""The rows of the phrase book for a library, as (there, here), beside a video."""
    monkeypatch.chdir(tmp_path)
    make_clip("cam.mp4", 120, rate=30, gop=12)
    tv.write_index("cam.mp4", progress=False)

    def rows_of(peer: str) -> list[tuple[str, str]]:
        section = text_of(PHRASES).split(f"\n## From {peer}\n")[1].split("\n## ")[0]
        rows = re.findall(r"^\| .*? \| `([^`]+)` \| `([^`]+)` \|$", section, re.MULTILINE)
        assert len(rows) == section.count("\n| ") - 1
        return rows

    return rows_of


@pytest.mark.parametrize("peer", PEERS)
def test_phrases_of_ours_run(peer, phrases):
    ours = {"np": np}
    for _, here in phrases(peer):
        value_of(here, ours)


@pytest.mark.parametrize("peer", PEERS)
def test_phrases_give_the_frames_of_the_peer(peer, phrases):
    try:
        importlib.import_module(PEERS[peer])
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"{peer} cannot be imported: {error}")
    theirs, ours = {}, {}
    if peer == "torchcodec":
        exec("from torchcodec.transforms import Resize", theirs)
    for there, here in phrases(peer):
        expected = as_array(value_of(there, theirs))
        given = as_array(value_of(here, ours))
        assert given.shape == expected.shape, (there, here)
        if given.dtype == np.uint8:
            # Converters of colour round their own way; other frames differ by far more.
            assert np.abs(given.astype(int) - expected).mean() < 4, (there, here)
        elif given.dtype.kind == "f":
            assert given == pytest.approx(expected, abs=1e-3), (there, here)


def value_of(phrase: str, names: dict[str, Any]) -> Any:
    r"""Runs a line of code, and returns its value if it is an expression."""
    statements = ast.parse(phrase).body
    if len(statements) == 1 and isinstance(statements[0], ast.Expr):
        return eval(phrase, names)
    exec(phrase, names)
    return None


def as_array(value: Any) -> np.ndarray:
    r"""What a phrase gives as an array; of an opened video, one frame."""
    if isinstance(value, tv.LazyVideo):
        value = value.frames_at([50])[0]
    elif type(value).__name__ in ("VideoDecoder", "VideoReader"):
        value = value[50]
    return np.asarray(value.asnumpy() if hasattr(value, "asnumpy") else value)


def test_no_page_with_examples_is_forgotten():
    with_examples = {page for page in PAGES if blocks_of(page)}
    assert with_examples == {*READERS, *ELSEWHERE, *BY_HAND}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_known_language(page):
    known = {"python", "bash", "toml", "text", "json", "diff"}
    known |= {"{eval-rst}", "{include}", "{code-block}"}
    fences = re.findall(r"^ *```(\S+)", text_of(page), re.M)
    assert {*fences} <= known
    for block in blocks_of(page):
        if block.language == "bash" and page not in BY_HAND:
            assert list(commands_of(block))


WRONG = {
    "a shape": ("np.zeros((2, 3))  # (2, 4)", "the page says"),
    "a number of axes": ("np.zeros((2, 3))  # (2, 3, H)", "the page says"),
    "a dtype": ("np.zeros((2, 3))  # (2, w) uint8", "the page says"),
    "what is printed": ("print(1 + 1)  # 3", "the page says"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_claim_is_found(text, says):
    block = Block("README.md", 10, "python", f"\n{text}")
    with pytest.raises(AssertionError, match=says) as caught:
        run_python(block, {"np": np})
    places = [(entry.path.name, entry.lineno + 1) for entry in caught.traceback]
    assert ("README.md", 11) in places


def test_right_claims_are_passed():
    text = "np.zeros((2, 3))  # (2, w) float64, in seconds\nprint(1 + 1)  # 2"
    run_python(Block("README.md", 10, "python", text), {"np": np})


@pytest.mark.parametrize("command", ["rm -r /", "cd /tmp && make", "pip download x"])
def test_unknown_commands_are_found(command):
    block = Block("README.md", 10, "bash", f"# prepare\n{command}\n")
    with pytest.raises(AssertionError, match="neither run"):
        list(commands_of(block))


def test_a_command_that_fails_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = Block("README.md", 1, "bash", "temporaldata-video info no.mp4\n")
    with pytest.raises(AssertionError, match="there is no file"):
        run_shell(block, tmp_path)
