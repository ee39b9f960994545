r"""Progress bars, on stderr and gone when they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    label: str, total: int, shown: bool = True
) -> Iterator[Callable[[int], None] | None]:
    r"""Shows a progress bar as long as it is entered.

    Args:
        label: what is being done.
        total: how much there is to do.
        shown: whether there is a bar at all.

    Yields:
        A function that is told how much is done, :obj:`None` where there is no bar.
    """
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
