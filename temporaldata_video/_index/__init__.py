r"""From a video file to the rows of its index."""
