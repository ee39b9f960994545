r"""What pages of the documentation say in passing is true, and lists are complete."""

from __future__ import annotations

import ast
import inspect
import re
from types import SimpleNamespace
from typing import Any

import click
import pytest
import typer

import temporaldata_video as tv
from temporaldata_video import errors
from temporaldata_video._cli.main import app
from tests.pages import PAGES, REPOSITORY, text_of

# Names ----------------------------------------------------------------------------------

EXAMPLES = re.compile(r"^ *```(?:python|bash|toml).*?^ *```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# Options of other programs that pages mention.
FOREIGN_OPTIONS = {
    "--clock",
    "--group",
    "--guided",
    "--help",
    "--quick",
    "--seconds",
    "--validate",
}


def commands(command: click.Command) -> list[click.Command]:
    below = getattr(command, "commands", {}).values()
    return [command, *(inner for one in below for inner in commands(one))]


def inline_code(page: str) -> list[str]:
    return CODE.findall(FENCED.sub("", text_of(page)))


@pytest.mark.parametrize("page", PAGES)
def test_options_that_a_page_names_exist(page):
    known = {
        option
        for command in commands(typer.main.get_command(app))
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for code in inline_code(page):
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", code))
        assert named <= known | FOREIGN_OPTIONS, code


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_of_the_package_exists(page):
    for code in inline_code(page):
        for name in re.findall(r"\btv\.([a-zA-Z_.]+)", code):
            assert found_by_name(f"tv.{name.strip('.')}") is not None, code
        for name in re.findall(r"\bvideo\.(\w+)\(", code):
            assert hasattr(tv.LazyVideo, name), code


@pytest.mark.parametrize("page", PAGES)
def test_calls_in_the_text_of_a_page_fit_what_they_call(page):
    for code in inline_code(page):
        try:
            tree = ast.parse(code)
        except SyntaxError:
            continue
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                function = found_by_name(ast.unparse(call.func))
                if function is not None:
                    told = [a for a in call.args if ast.unparse(a) != "..."]
                    named = {keyword.arg: None for keyword in call.keywords}
                    inspect.signature(function).bind_partial(*told, **named)


_VIDEO = tv.LazyVideo.__new__(tv.LazyVideo)  # whose methods are bound
MEANT = {
    "tv": tv,
    "temporaldata_video": tv,
    "video": _VIDEO,
    "sample": SimpleNamespace(video=_VIDEO),
}


def found_by_name(name: str) -> Any:
    r"""Returns what a page means by a dotted name, :obj:`None` if it is not ours."""
    first, *parts = name.split(".")
    found = MEANT.get(first, getattr(tv, first, None))
    if found is None:
        found = getattr(tv.LazyVideo, first, None)
    for part in parts:
        found = getattr(found, part, None)
    return found


# What we propose to the hosts adds files to them.
PATCHES = "".join(
    path.read_text(encoding="utf-8") for path in REPOSITORY.glob("docs/upstream/*.patch")
)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_leads_to_exist(page):
    text, folder = text_of(page), (REPOSITORY / page).parent
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        made = link in ("command-line.md", "tutorial.ipynb")  # by the build of the site
        assert made or (folder / link).exists(), link
    for path in re.findall(r"(?<![\w/])\w[\w/]*/\w*\.py\b", EXAMPLES.sub("", text)):
        places = [
            at / path for at in (REPOSITORY, REPOSITORY / "temporaldata_video", folder)
        ]
        assert any(place.exists() for place in places) or path in PATCHES, path


def test_links_of_the_readme_lead_from_wherever_it_is_shown():
    r"""PyPI shows it without the files beside it."""
    links = re.findall(r"\]\(([^)#]+)", text_of("README.md"))
    assert all(link.startswith("https://") for link in links)
    home = (
        r"https://(?:github|raw\.githubusercontent)\.com/neuro-galaxy/temporaldata_video/"
    )
    here = [m[1] for link in links if (m := re.match(rf"{home}(?:blob/)?main/(.*)", link))]
    assert len(here) > 5 and all((REPOSITORY / path).exists() for path in here)


def test_a_decision_has_its_date_and_status():
    pages = sorted((REPOSITORY / "docs" / "decisions").glob("0*.md"))
    assert len(pages) > 30
    for page in pages:
        line = page.read_text(encoding="utf-8").splitlines()[2]
        status = r"accepted|(replaced|refined) by \[\d+\]\(\d{4}-[\w-]+\.md\)"
        assert re.fullmatch(rf"\*\d{{4}}-\d\d-\d\d · ({status})\*", line), page.name


# Reference pages ------------------------------------------------------------------------


def rows_of(page: str) -> dict[str, str]:
    r"""Returns the rows of all tables of a page by the name in their first cell."""
    return dict(re.findall(r"^\| `(\w+)` (\|.*)$", text_of(page), re.MULTILINE))


def test_every_error_has_its_row():
    classes = {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if found.__module__ == errors.__name__
    }
    rows = rows_of("docs/errors.md")
    assert rows.keys() == classes.keys()
    for name, found in classes.items():
        assert getattr(tv, name) is found
        for base in found.__bases__:
            if base.__module__ == "builtins" and base not in (Exception, UserWarning):
                assert f"`{base.__name__}`" in rows[name], name


OURS = re.compile(r"(?:TEMPORALDATA_VIDEO|STRESS)(?:_[A-Z0-9]+)+\b")
IN_CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
# What is written in capitals and is no variable: names of the system, of this package,
# and of what an option takes.
OTHER_NAMES = re.compile(
    r"(MADV|MAP|O|SC)_\w+|LFP_RATE|MP4_INDEX|NAME_OR_NUMBER|FILE_OR_COLUMN|N_NUMBERS|SECOND_VIDEO_OFFSET"
)


def test_every_environment_variable_has_its_row():
    read = set()
    for path in (REPOSITORY / "temporaldata_video").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and IN_CAPITALS.fullmatch(value):
                read.add(value)
    for folder in ("benchmarks", "examples", "stress", "tests"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            read |= set(OURS.findall(path.read_text(encoding="utf-8")))
    read = {name for name in read if not OTHER_NAMES.fullmatch(name)}
    rows = rows_of("docs/environment.md").keys()
    assert rows == read
    for page in PAGES:
        assert set(OURS.findall(text_of(page))) <= rows, page


def test_each_test_that_a_page_names_is_there():
    pages = ((page, text_of(page)) for page in PAGES)
    named = [
        (page, path, function)
        for page, text in pages
        for path, function in re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    ]
    assert len(named) > 45
    for page, path, function in named:
        tests = (REPOSITORY / path).read_text(encoding="utf-8")
        assert f"\ndef {function}(" in tests, (page, path, function)
