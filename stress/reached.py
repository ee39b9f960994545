r"""A plugin of pytest that writes which lines of the package each test runs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import coverage
import pytest

from .mutants import PACKAGE, REACHED

_WRITTEN = Path(REACHED).resolve()
_COVERAGE = coverage.Coverage(data_file=None, source=[PACKAGE])
_SECONDS: defaultdict[str, float] = defaultdict(float)
_FAILED: set[str] = set()


def pytest_configure() -> None:
    _COVERAGE.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid: str) -> None:
    # What fixtures run for the first test that needs them counts as run by it.
    _COVERAGE.switch_context(nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _SECONDS[report.nodeid] += report.duration
    if not report.passed:
        _FAILED.add(report.nodeid)


def pytest_sessionfinish() -> None:
    _COVERAGE.stop()
    data = _COVERAGE.get_data()
    tests = sorted(_SECONDS.keys() - _FAILED)
    number = {test: i for i, test in enumerate(tests)}
    lines = {
        Path(file).relative_to(Path(PACKAGE).resolve()).as_posix(): {
            line: sorted(number[test] for test in run_by if test in number)
            for line, run_by in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    found = {"tests": {test: _SECONDS[test] for test in tests}, "lines": lines}
    _WRITTEN.write_text(json.dumps(found), encoding="utf-8")
