r"""From rows to frames: which packets to decode, their bytes, and the decoders."""
