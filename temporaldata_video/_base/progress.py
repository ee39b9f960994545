r"""Shows with a bar how far a long task has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    label: str, total: int, shown: bool
) -> Iterator[Callable[[int], None] | None]:
    r"""Shows a bar on standard error while the block runs, and wipes it away.

    Args:
        label: names the task.
        total: how much there is to do, in any unit.
        shown: whether to show it at all.

    Yields:
        A function that takes how much is done, or :obj:`None` if nothing is shown.
    """
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
