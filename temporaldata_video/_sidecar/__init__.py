r"""The index of a video as a dataset on a disk or a store: written, found and read."""
