r"""From a video file to the rows of its frame index, and from a sidecar back to rows."""
