r"""Hooks that plugins implement, and the registry of backends."""
