r"""How long the video on the servers is, and numbers for names that are not there yet."""

from __future__ import annotations

import itertools

N = 240
NUMBERS = itertools.count()
