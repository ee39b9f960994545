r"""Bytes (stores) and frames (plan, decode, convert)."""
