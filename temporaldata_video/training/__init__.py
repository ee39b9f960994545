r"""Windows for training: which, in what order, and as batches of PyTorch's loader."""

from ._block_order import BlockOrder, Draw, Window, regular_windows
from ._clip_places import random_clips, regular_clips
from ._window_dataset import WindowDataset, collate

__all__ = [
    "BlockOrder",
    "Draw",
    "Window",
    "WindowDataset",
    "collate",
    "random_clips",
    "regular_clips",
    "regular_windows",
]
