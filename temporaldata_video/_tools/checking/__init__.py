r"""Finds everything about a video that will hurt, and says what mends it."""
