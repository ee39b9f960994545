r"""Servers that misbehave: frames are right, or there is an error of ours, in time."""

from __future__ import annotations

import pytest

from stress.servers import FAULTS, read_from_all

SLOW = {"429", "408", "500", "502", "503", "resets", "never answers", "to another host"}
# What a reader cannot live with; all others may be right or an error.
ERRORS = {"ignores ranges", "no range", "gzip", "to a file", "one byte a second", "404"}
FINE = {"good", "weak etags", "no etags", "no length", "resets at times", "503 at times"}


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - SLOW))
def test_a_server_that_misbehaves(fault):
    outcomes = [name.removeprefix(f"{fault}: ") for name in read_from_all((fault,))]
    assert not {"wrong", "late"}.intersection(outcomes)
    if fault in FINE:
        assert outcomes == ["right"]
    if fault in ERRORS:
        assert all(name.startswith("Source") for name in outcomes)
