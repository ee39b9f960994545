r"""Shows names as a terminal may print them, and as a shell takes them."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

_SURROGATES = range(0xDC80, 0xDD00)  # bytes of names that are no UTF-8


def printable(text: str) -> str:
    r"""Returns text in which no character moves the cursor, or tells a terminal anything.

    Args:
        text: such as the name of a file, which may hold any character but ``/``.

    Example ::

        >>> printable("cam.mp4"), printable("a\nb\x1b[2J.mp4")
        ('cam.mp4', 'a\\nb\\x1b[2J.mp4')
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shell_words(words: Iterable[str]) -> str:
    r"""Returns words as a shell takes them; those that cannot be printed as ``$'...'``.

    Args:
        words: a command and its arguments.

    Example ::

        >>> print(shell_words(["ls", "a b", "a\nb'c"]))
        ls 'a b' $'a\x0ab\'c'
    """
    return " ".join(quote(w) if w.isprintable() else f"$'{_escaped(w)}'" for w in words)


def _escaped(word: str) -> str:
    return "".join(
        f"\\{c}"
        if c in "\\'"
        else c
        if c.isprintable()
        else f"\\x{ord(c) % 0x100:02x}"
        if ord(c) < 0x80 or ord(c) in _SURROGATES
        else f"\\U{ord(c):08x}"
        for c in word
    )
