r"""Files behind public bug reports, and streams of codec suites, read beside a decoder.

The files lie beside the repository, with a program that reads them and never takes this
package's word for what is right.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from .pages import REPOSITORY

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(900)]

# What may be refused: files that are encrypted, that change the size of their frames, or
# in which a sequential reader finds no video either.
REFUSED = {
    "cases/files": {
        "real_encrypted_cbcs.mp4",
        "real_hls_clock_restarts.ts",
        "two_stsd_other_size.mp4",
    },
    "cases/labs": set(),
    "conformance": {"Error_I_P.264", "sps_subsetsps_bothVUI.264"},
}


def shared() -> Path:
    default = REPOSITORY.parent / "shared"
    return Path(os.environ.get("TEMPORALDATA_VIDEO_CASES", default / "cases")).parent


@pytest.mark.parametrize("folder", REFUSED)
def test_every_file_is_read_right_or_refused_by_name(folder):
    if int(av.__version__.split(".")[0]) >= 19:
        pytest.skip("the program that checks them opens files as PyAV before 19 does")
    place, program = shared() / folder, shared() / "cases" / "check_cases.py"
    if not (place.is_dir() and program.exists()):
        pytest.skip(f"no files at {place}; set TEMPORALDATA_VIDEO_CASES to their folder")
    done = subprocess.run(
        [sys.executable, program, place],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"right [1-9]", done.stdout)
    refused = re.findall(r"^refused\s+([^:]+):", done.stdout, re.MULTILINE)
    assert {Path(name).name for name in refused} <= REFUSED[folder], done.stdout
