r"""Builds the index of a file, and reads frames back by it."""
