r"""Windows for training: which, in what order, and as batches of PyTorch's loader."""

from ._block_order import BlockOrder, Draw, Window, regular_windows
from ._clip_places import random_clips, regular_clips
from ._open_many import open_many
from ._window_dataset import WindowDataset, collate

__all__ = [
    "BlockOrder",
    "Draw",
    "Window",
    "WindowDataset",
    "collate",
    "open_many",
    "random_clips",
    "regular_clips",
    "regular_windows",
]
