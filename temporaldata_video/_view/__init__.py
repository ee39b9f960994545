r"""A recording in a browser: frames on its clock, and all else below them."""
