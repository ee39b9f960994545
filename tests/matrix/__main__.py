r"""``python -m tests.matrix`` writes ``docs/matrix.md``, and says what is at fault."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stress.outcomes import outcome

from .clips import CLIPS
from .muxing import containers_of, variants_of, written
from .page import PAGE, Row, page


def rows() -> Iterator[Row]:
    r"""Yields what becomes of each file."""
    for clip in CLIPS.values():
        for container in containers_of(clip):
            for variant in variants_of(clip, container):
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder, f"cam{container.suffix}")
                    path.write_bytes(written(clip, container, variant))
                    yield Row(clip, container, variant, outcome(path))


def main() -> int:
    r"""Writes the page; the exit status is 1 if any file is at fault."""
    found = list(rows())
    for row in found:
        if row.is_fault:
            place = ", ".join((row.clip.name, row.container.name, row.variant.name))
            print(f"{row.outcome.what} {place}: {row.outcome.why}", flush=True)
    PAGE.write_text(page(found), encoding="utf-8")
    print(dict(Counter(row.outcome.what for row in found)))
    return int(any(row.is_fault for row in found))


if __name__ == "__main__":
    sys.exit(main())
