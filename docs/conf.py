r"""Sphinx configuration of the documentation."""

import re
import subprocess
import sys
from importlib.metadata import version as distribution_version
from pathlib import Path
from urllib.request import urlopen

import nbformat.v4

project = "temporaldata-video"
author = "The temporaldata_video developers"
copyright = f"{author}, under the MIT licence"
version = release = distribution_version("temporaldata-video")

REPOSITORY = "https://github.com/neuro-galaxy/temporaldata_video"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = "temporaldata-video"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Commands are copied without the prompt, and examples without ">>>".
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
exclude_patterns = ["_build", "upstream"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "NDArray")}
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


_EXAMPLE = re.compile(r"^([^\n`]*): (temporaldata-video .*)$", re.MULTILINE)
_CODE_OR_OPTION = re.compile(r"(```.*?```|`[^`]*`)|(?<![\w-])(--?[a-z][\w-]*)", re.DOTALL)


def _write_command_line_page(_: object) -> None:
    page = Path(__file__).with_name("command-line.md")
    # Typer sets Markdown from the commands themselves.
    command = [sys.executable, "-m", "typer", "temporaldata_video._cli.main"]
    options = ["utils", "docs", "--name", "temporaldata-video", "--title", "Command line"]
    subprocess.run([*command, *options, "--output", str(page)], check=True)
    text = page.read_text(encoding="utf-8")
    # Examples are to be copied, and options must not become words with a long dash.
    text = _EXAMPLE.sub(r"\1\n\n```console\n$ \2\n```", text)
    text = _CODE_OR_OPTION.sub(lambda found: found[1] or f"`{found[2]}`", text)
    page.write_text(text, encoding="utf-8")


def _write_notebook(_: object) -> None:
    page = Path(__file__).with_name("tutorial.md")
    # What other pages say is read at the project's own place.
    there = rf"]({REPOSITORY}/blob/main/docs/\1)"
    text = re.sub(r"\]\(([\w-]+\.md)\)", there, page.read_text(encoding="utf-8"))
    # Every second part is the text of a block of Python. Pictures are drawn by the cells.
    parts = re.split(r"^```python\n(.*?)^```\n|^!\[.*\n", text, flags=re.M | re.S)
    cells = [
        (nbformat.v4.new_code_cell if number % 2 else nbformat.v4.new_markdown_cell)(
            part.strip(), id=f"cell-{number}"
        )
        for number, part in enumerate(parts)
        if part
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), page.with_suffix(".ipynb"))


def _include_readme(app, docname: str, source: list[str]) -> None:
    # PyPI shows README, too, so that its links are absolute. Here they lead to pages.
    if docname != "index":
        return
    text = (Path(app.srcdir).parent / "README.md").read_text(encoding="utf-8")
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    for place in (f"{REPOSITORY}/blob/main/docs/", f"{raw}/main/docs/"):
        text = text.replace(place, "")
    parts = re.findall(r"from here -->\n(.*?)<!-- to", text, flags=re.DOTALL)
    for number, part in enumerate(parts, 1):
        source[0] = source[0].replace(f"<!-- README, part {number} -->", part)


def setup(app) -> None:
    app.connect("source-read", _include_readme)
    app.connect("builder-inited", _write_command_line_page)
    app.connect("builder-inited", _write_notebook)
