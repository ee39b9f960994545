r"""Tools for whole videos: index, check, copy, draw."""
