r"""Forks at random moments of what another thread does: children read the right frames."""

from __future__ import annotations

import pytest

from stress.forks import KINDS, fork_clip
from tests.helpers import needs_fork


@needs_fork
@pytest.mark.parametrize("kind", KINDS)
def test_a_child_forked_while_a_thread_works(kind):
    assert fork_clip(2, seed=3, kinds=(kind,)) == {f"{kind}: right": 2}
