r"""Measures what this package withstands: ``python -m stress`` lists what there is."""
