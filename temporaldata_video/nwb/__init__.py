r"""Turns an ``ImageSeries`` with external files into a lazy video, and the reverse."""

from ._export import image_series
from ._image_series import ExternalVideo, read_series
from ._nwb_video import open_video, write_index

__all__ = ["ExternalVideo", "image_series", "open_video", "read_series", "write_index"]
