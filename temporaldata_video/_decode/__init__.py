r"""Turns rows into frames: which packets to decode, their bytes, and the decoders."""
