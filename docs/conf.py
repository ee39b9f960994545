r"""Sphinx configuration of the documentation."""

from importlib.metadata import version as distribution_version

project = "temporaldata-video"
author = "The temporaldata_video developers"
version = release = distribution_version("temporaldata-video")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "temporaldata-video"
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
myst_enable_extensions = ["colon_fence"]
