r"""Reads bytes of files: local ones in place, remote ones by ranges and through a cache."""
