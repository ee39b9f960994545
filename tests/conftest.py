r"""Clips, recordings, the corpus and fresh processes, shared by all tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import temporaldata_video as tv
from temporaldata_video._base.configuration import SETTINGS
from temporaldata_video.testing import make_clip, make_recording
from tests.servers import serve_files, serve_proxy, serve_s3

# What hangs is ended, with its children; nothing else comes near.
_LIMIT_SECONDS = 600

REPOSITORY = Path(__file__).resolve().parents[1]

# So that it says what was compared, as the tests themselves do.
pytest.register_assert_rewrite("tests.helpers")

# Decoding makes an example slow now and then, which is no reason to fail.
settings.register_profile("videos", deadline=None, max_examples=60)
settings.load_profile("videos")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    r"""A cache of remote objects that knows nothing of the runs before."""
    folder = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", folder)
        yield


@pytest.fixture
def configure(monkeypatch):
    r"""``tv.configure``, whose settings are gone after the test."""
    for setting in SETTINGS.values():
        monkeypatch.setenv(setting.variable, os.environ.get(setting.variable, ""))
    return tv.configure


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    r"""120 frames of H.264 with B-frames in groups of 12, indexed, 30 frames a second."""
    path = make_clip(
        tmp_path_factory.mktemp("clip") / "cam.mp4", 120, rate=30, gop=12, b_frames=2
    )
    tv.write_index(path, progress=False)
    return path


@pytest.fixture
def own_clip(clip, tmp_path) -> Path:
    r"""A copy of :func:`clip` and its index that may be damaged."""
    shutil.copytree(f"{clip}.lance", tmp_path / "cam.mp4.lance")
    return Path(shutil.copy(clip, tmp_path / "cam.mp4"))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory) -> Path:
    r"""40 small key frames, to be read fast; without an index."""
    return make_clip(tmp_path_factory.mktemp("tiny") / "tiny.mp4", 40, size=(32, 32), gop=1)


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    r"""Six seconds of video, indexed with a jittered clock, spikes, LFP and trials."""
    made = make_recording(tmp_path_factory.mktemp("recording"), 6.0, size=(64, 96))
    tv.write_index(made.video, timestamps=made.camera_times, progress=False)
    return made


@pytest.fixture
def clock(recording) -> np.ndarray:
    r"""Timestamps of the frames of :func:`recording`, in seconds."""
    return np.load(recording.camera_times)


@pytest.fixture
def data(recording):
    r"""The modalities of :func:`recording` as the host holds them."""
    from tests.helpers import make_data

    return make_data(recording)


@pytest.fixture(scope="session")
def saved_once(tmp_path_factory) -> Path:
    r"""A folder with a recording, its video of 300 frames and a sidecar."""
    from tests.recordings import CLOCK, save

    folder = tmp_path_factory.mktemp("saved")
    make_clip(folder / "cam.mp4", len(CLOCK), size=(32, 32))
    tv.write_index(folder / "cam.mp4", timestamps=CLOCK, progress=False)
    save(folder)
    return folder


@pytest.fixture(scope="session")
def s3():
    r"""A server of S3 with a bucket ``lab``."""
    with serve_s3() as server:
        server.make_bucket("lab")
        yield server


@pytest.fixture(scope="session")
def s3_proxy(s3):
    r"""A proxy before :func:`s3`, to be used by way of ``proxy``."""
    with serve_proxy(s3.url) as running:
        yield running


@pytest.fixture
def proxy(s3_proxy):
    r"""A proxy before :func:`s3` that has seen nothing and spoils nothing yet."""
    s3_proxy.behave()
    return s3_proxy


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    r"""An HTTP server over an empty folder."""
    with serve_files(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="session")
def running_files_proxy(files):
    r"""A proxy before :func:`files`, to be used by way of ``files_proxy``."""
    with serve_proxy(files.url) as running:
        yield running


@pytest.fixture
def files_proxy(running_files_proxy):
    r"""A proxy before :func:`files` that has seen nothing and spoils nothing yet."""
    running_files_proxy.behave()
    return running_files_proxy


@pytest.fixture
def run_python():
    r"""Runs a program in a fresh process and returns what it printed."""

    def run(program: str, *arguments, paths=()) -> str:
        environment = dict(os.environ)
        inherited = environment.pop("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [*map(str, paths), inherited])
        )
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        # What the process warned of belongs to what it said.
        return done.stdout + done.stderr

    return run


@pytest.fixture
def run_script(tmp_path):
    r"""Runs a program as a file of its own, since what spawn starts imports the main
    module again; returns what it printed, and what it complained of."""

    def run(program: str, *arguments) -> tuple[str, str]:
        script = tmp_path / "program.py"
        script.write_text(program)
        command = [*map(str, (sys.executable, script, *arguments))]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, start_new_session=True, **pipes) as process:
            try:
                said, complaints = process.communicate(timeout=_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                # Its children too, which would wait for it forever.
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                raise
        assert process.returncode == 0, complaints
        return said, complaints

    return run


def corpus_folder() -> Path:
    r"""Where the corpus of real videos should lie."""
    default = REPOSITORY.parent / "shared" / "corpus"
    return Path(os.environ.get("TEMPORALDATA_VIDEO_CORPUS", default))


@pytest.fixture(scope="session")
def corpus() -> Path:
    r"""The folder of the corpus; without it the test is skipped."""
    folder = corpus_folder()
    if not (folder / "framemd5").is_dir():
        pytest.skip(f"no corpus at {folder}; set TEMPORALDATA_VIDEO_CORPUS to its folder")
    return folder


def pytest_generate_tests(metafunc):
    marks = metafunc.definition.iter_markers("parametrize")
    named = any("corpus_name" in mark.args[0] for mark in marks)
    if "corpus_name" in metafunc.fixturenames and not named:
        digests = sorted((corpus_folder() / "framemd5").glob("*.framemd5"))
        names = [path.stem for path in digests] or ["no-corpus"]
        metafunc.parametrize("corpus_name", names)


def pytest_terminal_summary(terminalreporter):
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "corpus"
    ]
    if not rows:
        return
    terminalreporter.section("frames of the corpus, read at random")
    terminalreporter.write_line(f"{'file':<62}{'frames':>7}{'checked':>9}{'wrong':>7}")
    for name, *numbers in sorted(rows):
        frames, checked, wrong = numbers
        terminalreporter.write_line(f"{name:<62}{frames:>7}{checked:>9}{wrong:>7}")
    totals = np.array([numbers for _, *numbers in rows]).sum(axis=0).tolist()
    terminalreporter.write_line(
        f"{f'{len(rows)} files':<62}{totals[0]:>7}{totals[1]:>9}{totals[2]:>7}"
    )


@pytest.fixture
def dask(tmp_path):
    r"""A scheduler and two worker processes; yields its address and the workers."""
    pytest.importorskip("distributed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    log = open(tmp_path / "dask.log", "wb")  # noqa: SIM115  # as long as the processes

    def start(module, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    host, port = "127.0.0.1", address.rpartition(":")[2]
    scheduler = start(
        "dask_scheduler", "--host", host, "--port", port, "--no-dashboard", "--no-show"
    )
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", host]
    options += ["--local-directory", str(tmp_path)]
    workers = [start("dask_worker", address, *options) for _ in range(2)]
    yield address, workers
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()
    log.close()
