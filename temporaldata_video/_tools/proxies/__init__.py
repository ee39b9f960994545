r"""Writes proxies: the frames of a video in the size at which they are looked at."""
