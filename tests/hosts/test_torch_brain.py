r"""torch_brain end to end, in whichever version is installed, with PyTorch's DataLoader."""

from __future__ import annotations

import importlib.util
import multiprocessing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("torch_brain_program.py")
EXAMPLE = Path(__file__).parents[2] / "examples" / "train_torch_brain.py"


def torch_brain_version() -> tuple[int, ...]:
    try:
        return tuple(map(int, version("torch_brain").split(".")[:2]))
    except PackageNotFoundError:
        return ()


HAS_TORCH = importlib.util.find_spec("torch") is not None
pytestmark = pytest.mark.skipif(
    not (HAS_TORCH and torch_brain_version()),
    reason="needs torch and torch_brain: run nox -s torch",
)
METHODS = multiprocessing.get_all_start_methods()


@pytest.mark.parametrize(("workers", "method"), [(0, "none"), *((2, m) for m in METHODS)])
def test_samples_are_right_in_every_modality(run_script, tmp_path, workers, method):
    (tmp_path / "recordings").mkdir()
    program = PROGRAM.read_text(encoding="utf-8")
    said, complaints = run_script(program, tmp_path / "recordings", workers, method)
    sequential, random = map(int, said.split())
    assert sequential == 18 and random == 15
    # Two workers may meet with the damaged frame at the same moment.
    assert 1 <= complaints.count("DecodeWarning: frame 77") <= 2


@pytest.mark.skipif(torch_brain_version() < (0, 2), reason="the example is for 0.2")
def test_the_example_learns(run_script):
    example = EXAMPLE.read_text(encoding="utf-8")
    options = ["--workers", 2, "--recordings", 2, "--seconds", 20, "--epochs", 3]
    said, complaints = run_script(example, *options)
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in said.splitlines()]
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert "DecodeWarning" not in complaints
