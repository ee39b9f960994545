r"""The built site says what its sources say, and its notebook runs from a clean clone.

``nox -s docs`` builds the site and runs these tests.
"""

from __future__ import annotations

import html
import inspect
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import temporaldata_video as tv
from temporaldata_video._cli.main import app
from tests.pages import REPOSITORY, blocks_of
from tests.test_layers import PUBLIC

pytest.importorskip("sphinx", reason="the site is built by nox -s docs")
SITE = REPOSITORY / "docs" / "_build"
if not (SITE / "index.html").exists():
    pytest.skip("the site is built by nox -s docs", allow_module_level=True)

BUILT = sorted(
    path.relative_to(SITE).as_posix()
    for folder in (".", "reference")
    for path in SITE.glob(f"{folder}/*.html")
)
MODULES = sorted(PUBLIC - {"__init__"} | {"temporaldata_video"})


def source_of(page: str) -> str:
    return (SITE / page).read_text(encoding="utf-8")


def words_of(page: str) -> str:
    r"""The text of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source_of(page))).split())


@pytest.mark.parametrize("page", BUILT)
def test_options_have_two_hyphens(page):
    assert not re.search(r"[\u2013\u2014][a-z]", html.unescape(source_of(page)))


def test_summaries_of_commands_are_whole():
    page = words_of("command-line.html")
    for command in app.registered_commands:
        summary = (inspect.getdoc(command.callback) or "").partition("\n\n")[0]
        name = command.name or command.callback.__name__.replace("_", "-")
        words = " ".join(summary.replace("`", " ").split())
        assert f"{name} : {words}" in page
    assert not re.search(r"[a-z]\.\.\.", page)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_page(module):
    assert f'href="reference/{module}.html"' in source_of("api.html")
    assert "sig-object" in source_of(f"reference/{module}.html")


@pytest.mark.parametrize("module", ["temporaldata_video", "types", "nwb", "testing"])
def test_arguments_have_their_types(module):
    # A name in bold, and its type in brackets.
    page = source_of(f"reference/{module}.html")
    assert len(re.findall(r"<strong>\w+</strong> \(<em>", page)) > 10


def test_every_public_name_is_in_the_reference():
    known = "".join(source_of(f"reference/{module}.html") for module in MODULES)
    named = set(re.findall(r'id="temporaldata_video\.(?:errors\.|types\.)?(\w+)"', known))
    modules = {name for name in tv.__all__ if inspect.ismodule(getattr(tv, name))}
    assert modules == {"nwb", "training"}
    assert set(tv.__all__) - modules <= named


@pytest.mark.parametrize("page", BUILT)
def test_our_names_in_the_text_are_links(page):
    linked = r'<a class="reference[^>]*>\s*<code.*?</code>'
    text = re.sub(linked, "", source_of(page), flags=re.DOTALL)
    for code in re.findall(r'<code class="xref py [^>]*>(.*?)</code>', text):
        name = re.sub(r"<[^>]+>", "", code).removesuffix("()")
        assert not hasattr(tv, name.rpartition(".")[2]), name


@pytest.mark.parametrize("page", ["index.html", "tutorial.html", "reference/types.html"])
def test_pages_have_a_footer_and_copy_buttons(page):
    assert "Copyright © The temporaldata_video developers" in words_of(page)
    assert "copybutton.js" in source_of(page)


def test_the_start_page_has_what_readme_promises():
    page = words_of("index.html")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for promise in re.findall(r"^- \*\*(\w+(?: \w+)?\.)\*\*", readme, re.MULTILINE):
        assert promise in page
    assert "to get write" in page and "temporaldata-video demo" in page


# The notebook ---------------------------------------------------------------------------


def test_notebook_has_the_cells_of_the_tutorial():
    blocks = blocks_of("docs/tutorial.md")
    typed = [block.text.strip() for block in blocks if block.language == "python"]
    assert cells_of_the_notebook() == typed


def cells_of_the_notebook() -> list[str]:
    (path,) = SITE.glob("_downloads/*/tutorial.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return ["".join(cell["source"]) for cell in cells]


# As a console does: each cell is compiled and run by itself, with names that stay.
CONSOLE = """
import json, sys
names = {"__name__": "__main__"}
for number, cell in enumerate(json.load(sys.stdin), 1):
    exec(compile(cell, f"<cell {number}>", "exec"), names)
"""


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs a git checkout")
def test_tutorial_runs_from_a_clean_clone(tmp_path):
    install = next(b for b in blocks_of("docs/tutorial.md") if b.language == "bash")
    # Of the commit that is tested, not of the one that is published.
    commands = install.text.replace(
        "https://github.com/neuro-galaxy/temporaldata_video",
        f"file://{REPOSITORY} temporaldata_video",
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    environment["PATH"] = f"{Path(shutil.which('python3')).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(
        [".venv/bin/python", "-c", CONSOLE],
        input=json.dumps(cells_of_the_notebook()),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "900 frames from" in ran.stdout and "True" in ran.stdout
    for made in ("cam.mp4", "rec.h5", "recording.png", "cam.mp4.lance"):
        assert (tmp_path / made).exists(), made
