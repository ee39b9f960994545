r"""Writes, finds and reads the index of a video, a dataset on a disk or a store."""
