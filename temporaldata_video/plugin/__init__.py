r"""Connects the parts: hooks that others implement, and the registry of backends."""
