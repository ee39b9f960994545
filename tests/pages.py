r"""Runs the examples of a page of the documentation, top to bottom.

Python blocks share one namespace, and shell blocks run command by command in the working
folder. What a page claims in a comment behind an expression is held to it:

- a tuple that begins a comment is the shape of the value, numbers being exact and words
  standing for any number: ``sample.video.frames  # (60, 3, H, W)``, with a dtype behind
  it if need be;
- a comment behind ``print(...)`` begins what is printed.

A Python block that begins with a comment of a file's name alone is that file.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
# Decisions are records of their time, and the page of commands is made of the commands.
PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for folder in (".", "docs", "docs/reference")
    for path in REPOSITORY.glob(f"{folder}/*.md")
    if path.name != "command-line.md"
)

_FENCE = re.compile(r"^( *)```(python|bash)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w/]+\.py)\n")
_SHAPE = re.compile(r"# (\((?:\w+, ?)*\w*\))(?: (u?int\d+|float\d+|bool))?")

# What a page tells to run and no test does: it sets up a machine, is the suite itself,
# measures for minutes, or waits for its user.
NOT_RUN = (
    ("git", "clone"),
    ("cd",),
    ("python3", "-m", "venv"),
    ("pip", "install"),
    ("python", "-m", "pip", "list"),
    ("nox",),
    ("pytest", "-n"),
    ("temporaldata-video", "view"),
    ("python", "-m", "benchmarks"),
    ("python", "-m", "benchmarks.training"),
)
RUN = ("cp", "mkdir", "mv", "temporaldata-video", "pytest", "sbatch")


def text_of(page: str) -> str:
    r"""Returns the text of one of :data:`PAGES`."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    r"""An example.

    Args:
        page: where it stands, one of :data:`PAGES`.
        line: of the page, that its text begins in, from 1.
        language: ``"python"`` or ``"bash"``.
        text: without the indentation of a list.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        r"""The file that it is, ``""`` for a block to be run."""
        named = _FILE.match(self.text)
        return named[1] if named else ""

    def imports(self, library: str) -> bool:
        r"""Returns whether it needs a library."""
        return bool(re.search(rf"^(import|from) {library}\b", self.text, re.MULTILINE))


def blocks_of(page: str) -> list[Block]:
    r"""Returns the examples of a page, in their order."""
    text = text_of(page)
    return [
        Block(
            page,
            text.count("\n", 0, found.start(3)) + 1,
            found[2],
            textwrap.dedent(found[3]),
        )
        for found in _FENCE.finditer(text)
    ]


# Python ---------------------------------------------------------------------------------


def run_python(block: Block, names: dict[str, Any]) -> None:
    r"""Runs a Python block, or writes the file that it is.

    Args:
        block: says in tracebacks where in its page it stands.
        names: the namespace that the blocks of a page share.

    Raises:
        AssertionError: if a value is not what its comment says.
    """
    if block.file:
        path = Path(block.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    tree = _Comments(block.text).visit(ast.parse(block.text))
    ast.increment_lineno(ast.fix_missing_locations(tree), block.line - 1)
    names |= {"__name__": "__main__", "_has_shape": _has_shape, "_prints": _prints}
    exec(compile(tree, REPOSITORY / block.page, "exec"), names)


class _Comments(ast.NodeTransformer):
    r"""Has expressions checked that a comment makes a claim about."""

    def __init__(self, text: str) -> None:
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = (token for token in tokens if token.type == tokenize.COMMENT)
        self._comments = {token.start[0]: token.string for token in comments}

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        comment = self._comments.get(node.end_lineno or 0, "")
        shape = _SHAPE.match(comment)
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "print":
            if not comment:
                return node
            check, claim = "_prints", comment.removeprefix("# ")
        elif shape and re.search(r"\d", shape[1]):
            check, claim = "_has_shape", shape[0].removeprefix("# ")
        else:
            return node
        value = ast.Lambda(_NO_ARGUMENTS, node.value)
        call = ast.Call(ast.Name(check, ast.Load()), [value, ast.Constant(claim)], [])
        return ast.copy_location(ast.Expr(call), node)


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _has_shape(value_of: Any, claim: str) -> None:
    value = value_of()
    told, _, dtype = claim.rpartition(")")
    lengths = [part.strip() for part in told.strip("(").split(",") if part.strip()]
    shape = value.shape
    assert len(shape) == len(lengths), f"shape is {shape}, and the page says {claim}"
    for length, said in zip(shape, lengths):
        assert not said.isdecimal() or length == int(said), (
            f"shape is {shape}, and the page says {claim}"
        )
    if dtype.strip():
        assert value.dtype == dtype.strip(), f"{value.dtype}, and the page says {claim}"


def _prints(say: Any, claim: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        say()
    said = printed.getvalue()
    assert said.startswith(claim), f"printed {said!r}, and the page says {claim!r}"


# Shell ----------------------------------------------------------------------------------


def commands_of(block: Block) -> Iterator[tuple[str, bool]]:
    r"""Yields each command of a shell block, and whether it is to be run.

    Raises:
        AssertionError: if it is neither known to be run nor known not to be.
    """
    for line in block.text.replace("\\\n", " ").splitlines():
        if not shlex.split(line, comments=True):
            continue
        for part in line.split(" && "):
            # Of an environment that the page has made: the one that tests run in.
            command = re.sub(r"^\.venv[\w-]*/bin/", "", part.strip())
            words = tuple(shlex.split(command, comments=True))
            is_left_out = any(words[: len(known)] == known for known in NOT_RUN)
            assert is_left_out or words[0] in RUN, (
                f"{block.page}, line {block.line}: {command!r} is neither run nor one of "
                f"those that are not (tests/pages.py)"
            )
            yield command, not is_left_out


def run_shell(block: Block, path: Path) -> None:
    r"""Runs the commands of a shell block in the working folder.

    Args:
        block: of a shell.
        path: a folder of further programs.

    Raises:
        AssertionError: if one does not exit with 0.
    """
    folders = [str(path), os.path.dirname(sys.executable), os.environ["PATH"]]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(folders),
        # What is installed on a page lies in the working folder.
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.getcwd()]),
    }
    for command, is_run in commands_of(block):
        if is_run:
            done = subprocess.run(
                ["bash", "-c", command],
                env=environment,
                capture_output=True,
                text=True,
            )
            said = done.stdout + done.stderr
            assert done.returncode == 0, f"{command}\n{said}"
            assert "\nwarning: " not in f"\n{said}", f"{command}\n{said}"
