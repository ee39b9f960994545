r"""A data set with a video, prepared by the command of ``brainsets``.

The pipeline lies in ``docs/upstream``. Files are made here, with the names and folders of
the real ones, so that the pipeline finds them and downloads nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from temporaldata import Data

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.conftest import REPOSITORY
from tests.helpers import right

BRAINSET = "ibl_brain_wide_map_2025"
PIPELINE = REPOSITORY / "docs" / "upstream" / "brainsets" / BRAINSET
SESSION, FOLDER = "swc_043_20200921_001", "hoferlab/Subjects/SWC_043/2020-09-21/001"
N_FRAMES = 600
CLOCK = 12.5 + np.arange(N_FRAMES) / 60

pytestmark = pytest.mark.skipif(
    find_spec("brainsets") is None, reason="brainsets is not installed: nox -s brainsets"
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    r"""The folder of raw data, with one session of 10 s as IBL lays it out."""
    folder = tmp_path_factory.mktemp("data") / "raw"
    session = folder / BRAINSET / FOLDER
    probe = session / "alf" / "probe00" / "pykilosort"
    probe.mkdir(parents=True)
    (session / "raw_video_data").mkdir()
    rng = np.random.default_rng(0)
    np.save(probe / "spikes.times.npy", np.sort(rng.uniform(10, 25, 500)))
    np.save(probe / "spikes.clusters.npy", rng.choice([3, 8, 21], 500))
    np.save(session / "alf" / "_ibl_wheel.timestamps.npy", np.arange(10, 25, 0.01))
    np.save(session / "alf" / "_ibl_wheel.position.npy", rng.normal(size=1500).cumsum())
    np.save(session / "alf" / "_ibl_leftCamera.times.npy", CLOCK)
    start = np.arange(11.0, 23.0, 1.2)
    trials = {
        "intervals_0": start,
        "intervals_1": start + 1,
        "choice": rng.choice([-1.0, 1.0], len(start)),
        "feedbackType": rng.choice([-1.0, 1.0], len(start)),
        "contrastLeft": np.where(rng.random(len(start)) < 0.5, np.nan, 0.25),
        "contrastRight": np.full(len(start), 0.5),
        "stimOn_times": start + 0.1,
    }
    pd.DataFrame(trials).to_parquet(session / "alf" / "_ibl_trials.table.pqt")
    video = session / "raw_video_data" / "_iblrig_leftCamera.raw.mp4"
    make_clip(video, N_FRAMES, rate=60, size=(64, 80), gop=60)
    return folder


def prepare(
    raw: Path, processed: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    # It starts whatever is called "python".
    folder = str(Path(sys.executable).parent)
    variables = os.environ | {
        "PATH": os.pathsep.join([folder, os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
    }
    folders = [f"--raw-dir={raw}", f"--processed-dir={processed}"]
    return subprocess.run(
        [
            *(str(Path(folder, "brainsets")), "prepare", str(PIPELINE), "--local"),
            *("--use-active-env", *folders, "--single", SESSION),
        ],
        env=variables,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def prepared(raw) -> Path:
    r"""The recording that the command made."""
    done = prepare(raw, raw.with_name("processed"))
    assert done.returncode == 0, done.stdout + done.stderr
    return raw.with_name("processed") / BRAINSET / f"{SESSION}.h5"


def test_its_camera_is_sliced_like_its_spikes(prepared):
    with Data.load(prepared) as data:
        assert type(data.camera) is tv.LazyVideo
        assert np.allclose(data.camera.timestamps, CLOCK)
        sample = data.slice(15.0, 16.0)
        frames = np.flatnonzero((CLOCK >= 15.0) & (CLOCK < 16.0))
        assert read_numbers(sample.camera.frames).tolist() == frames.tolist()
        assert 0 < len(sample.spikes) < len(data.spikes)
        assert len(data.units) == 3 and data.subject.species == "MUS_MUSCULUS"
        trial = data.trials.slice(15.0, 18.0, reset_origin=False)
        window = data.slice(trial.start[0], trial.end[0]).camera
        assert len(window) in (60, 61) and right(window)


def test_the_folders_of_raw_and_prepared_data_move_together(prepared, tmp_path):
    shutil.copytree(prepared.parents[2], tmp_path / "elsewhere")
    there = tmp_path / "elsewhere" / prepared.relative_to(prepared.parents[2])
    with Data.load(there) as data:
        uri = data.file["camera"].attrs["uri"]
        assert uri.startswith(f"../../raw/{BRAINSET}/{FOLDER}/")
        assert right(data.slice(14.0, 14.2).camera)


def test_times_that_do_not_fit_the_frames_are_refused(raw, tmp_path):
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    np.save(copy / BRAINSET / FOLDER / "alf" / "_ibl_leftCamera.times.npy", CLOCK[:-7])
    done = prepare(copy, tmp_path / "processed")
    assert done.returncode != 0
    assert "593" in done.stderr and "600" in done.stderr
    assert not list((tmp_path / "processed").rglob("*.h5"))
