r"""The program that type checkers check also runs, and its values are what it says."""

from __future__ import annotations

from pathlib import Path

PROGRAM = Path(__file__).with_name("right_program.py")


def test_the_values_are_of_their_types(run_python, tmp_path):
    assert run_python(PROGRAM.read_text(encoding="utf-8"), tmp_path) == "right\n"
