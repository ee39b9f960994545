r"""Videos and indexes that change between two steps: right frames, or an error of ours."""

from __future__ import annotations

import os

import pytest

from stress.changes import CHANGES, N_STEPS, change_everything


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_two_steps(change):
    found = change_everything((change,))
    assert sum(found.values()) == 4 * N_STEPS
    outcomes = {name.partition(": ")[2] for name in found}
    assert not {"wrong", "late"}.intersection(outcomes)
    if change == "touched":
        assert outcomes == {"right"}
    else:
        assert found[f"video {change}: right"] == 0
