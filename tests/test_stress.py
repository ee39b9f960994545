r"""What ``python -m stress`` measures holds for some of each kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stress.limits import short_of_everything
from stress.long_runs import read_for_long
from stress.processes import PROGRAMS, run_programs
from stress.signals import signal_all
from tests.helpers import needs_fork

# Whether they are slow says nothing; the suite has a limit of its own for what hangs.
NEVER = 10_000.0

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc, to find what is left over"
)


@needs_proc
@needs_fork
@pytest.mark.parametrize(("seed", "name"), enumerate(PROGRAMS))
def test_threads_pools_and_the_end_of_programs(seed, name):
    assert run_programs(1, seed, (name,), NEVER) == {f"{name}: right": 1}


@needs_proc
def test_commands_that_are_ended_leave_nothing():
    assert signal_all(3, 7, ("relink",), NEVER) == {"relink: right": 4}


@needs_proc
@pytest.mark.skipif(os.name != "posix", reason="this system has no such locks")
def test_a_file_system_without_locks():
    assert short_of_everything(("no locks",), NEVER) == {"no locks: right": 5}


@needs_proc
def test_a_small_cache_holds_for_long():
    found = read_for_long(20, 2, seed=7, videos=2)
    assert len(found.usages) == 2 and found.most_bytes <= found.quota_bytes
