r"""Hooks that others implement, and the registry of backends."""
