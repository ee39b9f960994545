r"""Turns a video file into the rows of its index, and reads rows from a sidecar."""
