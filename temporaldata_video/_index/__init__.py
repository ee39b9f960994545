r"""From a video file to the rows of its index, and from a sidecar back to rows."""
