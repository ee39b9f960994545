r"""Sphinx configuration of the documentation."""

import subprocess
import sys
from importlib.metadata import version as distribution_version
from pathlib import Path
from urllib.request import urlopen

project = "temporaldata-video"
author = "The temporaldata_video developers"
version = release = distribution_version("temporaldata-video")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
html_title = "temporaldata-video"
exclude_patterns = ["_build", "upstream"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
# Pages lead to headings of one another.
myst_heading_anchors = 2
myst_enable_extensions = ["colon_fence"]

INVENTORIES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "temporaldata": "https://temporaldata.readthedocs.io/en/latest/",
    "av": "https://pyav.basswood-io.com/docs/stable/",
}


def _is_reachable(site: str) -> bool:
    try:
        with urlopen(f"{site}objects.inv", timeout=5):
            return True
    except OSError:
        return False


# One that cannot be had would be a warning, and the site builds without a network too.
intersphinx_mapping = {
    name: (site, None) for name, site in INVENTORIES.items() if _is_reachable(site)
}


def _write_command_line_page(_: object) -> None:
    page = Path(__file__).with_name("command-line.md")
    # Typer sets Markdown from the commands themselves.
    command = [sys.executable, "-m", "typer", "temporaldata_video._cli.main"]
    options = ["utils", "docs", "--name", "temporaldata-video", "--title", "Command line"]
    subprocess.run([*command, *options, "--output", str(page)], check=True)


def setup(app) -> None:
    app.connect("builder-inited", _write_command_line_page)
