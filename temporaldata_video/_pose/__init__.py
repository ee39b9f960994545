r"""Tables of key points, one row for each frame."""
