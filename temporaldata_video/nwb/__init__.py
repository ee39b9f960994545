r"""Videos of NWB files: an ``ImageSeries`` with external files as a lazy video and back."""

from .export import image_series
from .series import ExternalVideo, read_series
from .video import open_video, write_index

__all__ = ["ExternalVideo", "image_series", "open_video", "read_series", "write_index"]
