r"""Knows how proxies are named, by the pixels that they hold."""

from __future__ import annotations

import re
from typing import NamedTuple

# No video ends like this, so that nobody who looks for videos finds proxies.
_NAME = re.compile(r"(\d+)x(\d+)(-gray)?(-uint16)?(-lossy)?\.proxy")


class ProxyKind(NamedTuple):
    r"""What tells the proxies of one file apart.

    Args:
        height: of its frames in pixels.
        width: of its frames in pixels.
        gray: whether it has one channel instead of red, green and blue.
        deep: whether its samples are uint16 instead of uint8.
        lossless: whether its pixels are those of the video, or nearly those.
    """

    height: int
    width: int
    gray: bool = False
    deep: bool = False
    lossless: bool = True

    @property
    def name(self) -> str:
        r"""What follows the name of the video and a dot.

        Example ::

            >>> ProxyKind(224, 320, gray=True).name
            '224x320-gray.proxy'
        """
        gray, deep = "-gray" * self.gray, "-uint16" * self.deep
        return (
            f"{self.height}x{self.width}{gray}{deep}{'-lossy' * (not self.lossless)}.proxy"
        )

    @classmethod
    def named(cls, name: str) -> ProxyKind | None:
        r"""Returns the kind that has a name, :obj:`None` if none has.

        Args:
            name: as :attr:`name` is.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        height, width, gray, deep, lossy = found.groups()
        return cls(int(height), int(width), bool(gray), bool(deep), not lossy)
