r"""Puts messages into the words of the command line: its options, not Python arguments."""

from __future__ import annotations

import re

# The options of all commands; ``main.py`` names them.
OPTIONS: set[str] = set()
# An argument of a Python function with its value, as messages have it.
_ARGUMENT = re.compile(r"\b([a-z]\w*)=(True|False|\.\.\.|'([^']*)'|\d+(?:\.\d+)?)")


def in_options(message: str) -> str:
    r"""Returns a message in the words of the command line.

    Args:
        message: it names Python arguments, such as ``on_mismatch='trim'``. Those that are
            options of a command become them: ``--on-mismatch trim``.

    Example ::

        >>> import temporaldata_video._cli.main
        >>> in_options("Pass audio=False, or overwrite=True, or rate=30.")
        'Pass --no-audio, or --overwrite, or --rate 30.'
    """
    return _ARGUMENT.sub(_option, message)


def _option(found: re.Match[str]) -> str:
    name, value, text = found.groups()
    option = f"--{'no-' if value == 'False' else ''}{name.replace('_', '-')}"
    if option not in OPTIONS:
        return found[0]
    if value[0].isdigit():
        return f"{option} {value}"
    return option if text is None else f"{option} {text}"
