r"""Makes random mistakes in the package, one at a time, and sees whether a test fails."""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
import multiprocessing
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "temporaldata_video"
# The file in which tests say what they reach.
REACHED = "reached.json"

# The tests that may notice. Others run none of what is mutated, or run it last of all.
TESTS = [
    *(f"tests/{room}" for room in ("clock", "index", "build", "decode", "bytes", "video")),
    *("tests/pixels", "tests/cli/test_cli_clock.py", "tests/test_foreign_bytes.py"),
]
# What is mutated: what decides which frame, byte or second is the right one.
MODULES = [
    *("_index", "_sidecar", "_build", "_decode", "_clock"),
    *(f"_bytes/{name}.py" for name in ("disk_files", "caches", "copies", "fetch", "retry")),
    *(f"_video/{name}.py" for name in ("lazy_arrays", "recording", "series", "masks")),
]


# Tests have limits of their own; this is for what hangs before the first of them.
_ENDLESS_SECONDS = 1800
# Starting Python and importing what the package needs takes longer than most tests.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["av", "h5py", "hypothesis", "pytest", "temporaldata"])


class Mutant(NamedTuple):
    r"""A change to a module.

    Args:
        module: within the package.
        operator: of cosmic-ray.
        occurrence: which of the places where it applies.
        code: of the changed module.
        change: the lines that differ.
    """

    module: str
    operator: str
    occurrence: int
    code: str
    change: str


class Outcome(NamedTuple):
    r"""What became of a mutant.

    Args:
        mutant: as drawn.
        died: whether a test failed or never ended.
        last: the last line that the tests printed.
    """

    mutant: Mutant
    died: bool
    last: str


def draw_mutants(count: int, seed: int) -> list[Mutant]:
    r"""Returns random mutants, the same ones for the same code.

    A place is drawn first and then a change, since comparisons can be changed in many ways
    and most of them do the same. What only type checkers read is left alone, and so are the
    flags of dataclasses.

    Args:
        count: of mutants.
        seed: of the draw.
    """
    rng = random.Random(seed)
    places = [
        (path.relative_to(ROOT / PACKAGE).as_posix(), changes)
        for name in MODULES
        for path in _modules(ROOT / PACKAGE / name)
        for changes in _places(path.read_text(encoding="utf-8"))
    ]
    rng.shuffle(places)
    drawn: list[Mutant] = []
    for module, changes in places:
        if len(drawn) == count:
            break
        mutant = _mutant(module, *rng.choice(changes))
        if mutant is not None:
            drawn.append(mutant)
    return drawn


def run_mutants(
    mutants: list[Mutant], folder: Path, kept: Path, seconds: float, jobs: int
) -> Iterator[Outcome]:
    r"""Yields what becomes of each mutant.

    All tests run once without any, to see which lines each of them runs. A mutant is then
    given to those that run its line, the fastest first. Those that fail without a mutant
    are left out.

    Args:
        mutants: to be tried.
        folder: an empty one, for copies of the repository.
        kept: a folder that keeps which lines the tests run.
        seconds: that the tests of a mutant took without it, at most.
        jobs: how many mutants are tried at a time.
    """
    copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for number in range(jobs):
        copies.put(_copy_repository(folder / str(number)))

    def in_a_copy(function: Callable[..., Any], *arguments: Any) -> Any:
        copy = copies.get()
        try:
            return function(copy, *arguments)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(jobs) as pool:
        files = sorted(
            file for name in TESTS for file in _modules(ROOT / name, "test_*.py")
        )
        measure = partial(in_a_copy, _measure)
        reached = list(pool.map(measure, files, repeat(kept)))
        chosen = [_tests_of(mutant, reached, seconds) for mutant in mutants]
        for mutant, (died, last) in zip(
            mutants, pool.map(partial(in_a_copy, _try), mutants, chosen)
        ):
            yield Outcome(mutant, died, last)


def _copy_repository(folder: Path) -> Path:
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    # By their content, since a mutant may be as long and as old as the module was.
    compile_all = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash")
    subprocess.run([sys.executable, *compile_all, PACKAGE], cwd=folder, check=True)
    return folder


def _modules(place: Path, pattern: str = "*.py") -> list[Path]:
    return sorted(place.rglob(pattern)) if place.is_dir() else [place]


class _Reached(NamedTuple):
    r"""Which lines of the package the tests of a file run.

    Args:
        rank: how many lines each test runs, and its seconds.
        lines: the tests that run it, by module and line.
    """

    rank: dict[str, tuple[int, float]]
    lines: dict[str, dict[int, list[str]]]


def _measure(copy: Path, file: Path, kept: Path) -> _Reached:
    name = file.relative_to(ROOT).as_posix()
    sources = sorted((copy / PACKAGE).rglob("*.py"))
    code = b"".join(path.read_bytes() for path in (*sources, copy / name))
    known = kept / f"reached-{name.replace('/', '-')}-{zlib.crc32(code):08x}.json"
    if not known.exists():
        _run_tests(copy, [name], "-p", "stress.reached")
        shutil.move(copy / REACHED, known)
    found = json.loads(known.read_text(encoding="utf-8"))
    names = list(found["tests"])
    lines = {
        module: {int(line): [names[i] for i in tests] for line, tests in run_by.items()}
        for module, run_by in found["lines"].items()
    }
    n_lines: Counter[str] = Counter()
    for run_by in lines.values():
        n_lines.update(chain.from_iterable(run_by.values()))
    rank = {test: (n_lines[test], seconds) for test, seconds in found["tests"].items()}
    return _Reached(rank, lines)


def _tests_of(mutant: Mutant, reached: list[_Reached], seconds: float) -> list[str]:
    # The tests that run the changed statement; those of the module where none does, since
    # what runs in other processes is not seen. First come those that run least else.
    start, stop = _statement(mutant)
    chosen: dict[str, tuple[int, float]] = {}
    others: dict[str, tuple[int, float]] = {}
    for known in reached:
        for line, tests in known.lines.get(mutant.module, {}).items():
            found = {test: known.rank[test] for test in tests}
            (chosen if start <= line < stop else others).update(found)
    rank = chosen or others
    ordered, left = [], seconds
    for test in sorted(rank, key=rank.__getitem__):
        if rank[test][1] <= left:
            ordered.append(test)
            left -= rank[test][1]
    return ordered


def _statement(mutant: Mutant) -> tuple[int, int]:
    # The lines of the changed statement, without those of its body. What runs when the
    # module is imported counts as all of the definition that it belongs to, or as all of
    # the module.
    code = (ROOT / PACKAGE / mutant.module).read_text(encoding="utf-8")
    first, count = re.match(r"@@ -(\d+),?(\d*)", mutant.change).groups()
    line = int(first) + int(count or 1) - 1  # behind the empty ones that go with decorators
    around = [
        node
        for node in ast.walk(ast.parse(code))  # from the outside in
        if isinstance(node, ast.stmt) and _first_line(node) <= line <= node.end_lineno
    ]
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    definitions = [n for n in around if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    if any(function.body[0].lineno <= line for function in functions):
        node = around[-1]
        body = getattr(node, "body", [])
        stop = body[0].lineno if body else node.end_lineno + 1
        return _first_line(node), max(stop, line + 1)
    if definitions:
        return _first_line(definitions[-1]), definitions[-1].end_lineno + 1
    return 0, len(code.splitlines()) + 1


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _try(copy: Path, mutant: Mutant, tests: list[str]) -> tuple[bool, str]:
    if not tests:
        return False, "no test runs the module"
    place = copy / PACKAGE / mutant.module
    code = place.read_text(encoding="utf-8")
    place.write_text(mutant.code, encoding="utf-8")
    try:
        # Each test has its own limit, far above what the slowest takes on a busy machine.
        return _run_tests(copy, tests, "-x", "--timeout", "100")
    finally:
        place.write_text(code, encoding="utf-8")


def _run_tests(copy: Path, tests: list[str], *options: str) -> tuple[bool, str]:
    r"""Returns whether a test failed or never ended, and what the last line said."""
    listed, printed = copy / "tests-to-run.txt", copy / "printed.txt"
    listed.write_text("\n".join(tests), encoding="utf-8")
    own = ("-q", "-p", "no:cacheprovider", "-m", "not corpus", *options, f"@{listed}")
    process = _FORKS.Process(target=_pytest, args=(copy, printed, own))
    process.start()
    process.join(_ENDLESS_SECONDS)
    has_ended = not process.is_alive()
    # With the servers and workers that tests may have left.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    if not has_ended:
        return True, "no end"
    output = printed.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in output if line.startswith(("FAILED", "ERROR"))]
    return process.exitcode != 0, [*output[-1:], *lines][-1]


def _pytest(copy: Path, printed: Path, arguments: tuple[str, ...]) -> None:
    os.setsid()
    with printed.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(copy)
    sys.dont_write_bytecode = True
    sys.path[:] = [
        str(copy),
        *(place for place in sys.path if place not in ("", str(ROOT))),
    ]
    os.environ |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.pop("TEMPORALDATA_VIDEO_CORPUS", None)
    import pytest

    sys.exit(pytest.main(list(arguments)))


def _places(code: str) -> list[list[tuple[str, int]]]:
    r"""Returns, for each place in a module that can be changed, the changes there."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(code)))
    found: dict[tuple, list[tuple[str, int]]] = {}
    for name in sorted(operator_names()):
        if name.startswith("core/Variable"):  # these two want a variable to be named
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for position in operator.mutation_positions(node):
                found.setdefault(position, []).append((name, occurrence))
                occurrence += 1
    return [found[position] for position in sorted(found)]


def _mutant(module: str, operator: str, occurrence: int) -> Mutant | None:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    code = (ROOT / PACKAGE / module).read_text(encoding="utf-8")
    try:
        changed = mutate_code(code, get_operator(operator)(), occurrence)
    except AttributeError:  # names of exceptions are replaced, ``(module.Error,)`` is none
        return None
    try:
        if changed is None or _what_runs(changed) == _what_runs(code):
            return None
    except SyntaxError:
        return None
    lines = difflib.unified_diff(code.splitlines(), changed.splitlines(), n=0, lineterm="")
    change = "\n".join(line for line in lines if not line.startswith(("---", "+++")))
    return Mutant(module, operator.removeprefix("core/"), occurrence, changed, change)


class _WithoutTypes(ast.NodeTransformer):
    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):  # frozen or not, it runs the same
                decorator.keywords = []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)


def _what_runs(code: str) -> str:
    return ast.dump(_WithoutTypes().visit(ast.parse(code)))
