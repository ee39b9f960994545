r"""Writes decoded frames as pixels into the caller's array."""
