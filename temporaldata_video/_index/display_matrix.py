r"""Reads the display matrix of a track: how a player turns a decoded frame to show it."""

from __future__ import annotations

from collections.abc import Sequence

# What the signs of (a, b, c, d) do to an image: degrees counter-clockwise, then whether
# the result is flipped left to right.
_TRANSFORMS = {
    (1, 0, 0, 1): (0, False),
    (0, -1, 1, 0): (90, False),
    (-1, 0, 0, -1): (180, False),
    (0, 1, -1, 0): (270, False),
    (-1, 0, 0, 1): (0, True),
    (0, -1, -1, 0): (90, True),
    (1, 0, 0, -1): (180, True),
    (0, 1, 1, 0): (270, True),
}


def display_transform(matrix: Sequence[int]) -> tuple[int, bool]:
    r"""Returns the turn and the flip that a display matrix asks for.

    Args:
        matrix: the nine numbers ``a b u c d v x y w`` of the ``tkhd`` box
            (ISO/IEC 14496-12, section 8.3.2).

    Returns:
        Degrees counter-clockwise, a multiple of 90, and whether the turned image is then
        flipped left to right; ``(0, False)`` for a matrix that is no right angle.

    Example ::

        >>> display_transform([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30])
        (270, False)
    """
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    return _TRANSFORMS.get(signs, (0, False))  # type: ignore[arg-type]


def display_matrix(
    rotation: int, mirrored: bool, width: int, height: int
) -> tuple[int, ...]:
    r"""Returns the display matrix that asks for a turn and a flip.

    Args:
        rotation: degrees counter-clockwise, a multiple of 90.
        mirrored: whether the turned image is then flipped left to right.
        width: of the image before the turn, in pixels.
        height: of the image before the turn, in pixels.

    Returns:
        The nine numbers ``a b u c d v x y w``; ``x`` and ``y`` move the turned image back
        to where the image lay before.

    Example ::

        >>> display_transform(display_matrix(270, True, 640, 480))
        (270, True)
    """
    ((a, b, c, d),) = (
        signs for signs, turn in _TRANSFORMS.items() if turn == (rotation, mirrored)
    )
    x = max(0, -a * width, -c * height)
    y = max(0, -b * width, -d * height)
    one = 1 << 16
    return (a * one, b * one, 0, c * one, d * one, 0, x * one, y * one, 1 << 30)
