r"""Bytes of files: local ones, remote ones by ranges, and the cache before those."""
