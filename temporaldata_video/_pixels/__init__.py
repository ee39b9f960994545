r"""From decoded frames to the pixels of the caller's array."""
