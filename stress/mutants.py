r"""Makes random mistakes in the package, one at a time, and sees whether a test fails."""

from __future__ import annotations

import ast
import contextlib
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "temporaldata_video"

# The tests of a module, or of a folder of modules; the fast ones first.
TESTS = {
    "_clock": [
        "tests/clock",
        "tests/cli/test_cli_clock.py",
        "tests/index/test_sidecar_clock.py",
    ],
    "_index": [
        *(f"tests/index/test_{name}.py" for name in ("order", "match", "fields", "chroma")),
        *(
            f"tests/index/test_{name}.py"
            for name in ("demux", "headerfile", "packet_index")
        ),
        "tests/index/test_damaged_structure.py",
        "tests/index/test_gigabytes.py",
        "tests/pixels/test_convert.py",
        "tests/build",
        "tests/decode/test_open_decoder.py",
        "tests/decode/test_written.py",
        "tests/testing/test_clips.py",
        "tests/tools/checking/test_check_findings.py",
    ],
    "_sidecar": [
        "tests/index",
        "tests/video/test_video_index_errors.py",
        "tests/video/test_staleness.py",
        "tests/remote/test_remote_sidecars.py",
        "tests/test_writers.py",
    ],
    "_build": [
        "tests/build",
        "tests/index",
        "tests/decode/test_written.py",
        "tests/video/test_staleness.py",
        "tests/tools/checking/test_check_findings.py",
    ],
    "_decode": [
        "tests/decode/test_plan.py",
        "tests/decode/test_open_decoder.py",
        "tests/decode/test_written.py",
        "tests/decode/test_resume.py",
        "tests/build",
        "tests/video/test_video_decoding.py",
        "tests/video/test_video_windows.py",
        "tests/video/test_video_masks.py",
        "tests/video/test_staleness.py",
    ],
    "_bytes": ["tests/bytes", "tests/remote/test_video_cache.py"],
    "_video": [
        *(f"tests/video/test_video_{name}.py" for name in ("concat", "errors", "windows")),
        "tests/video/test_read_many.py",
        "tests/video",
    ],
}
# What is mutated: what decides which frame, byte or second is the right one.
MODULES = [
    *("_index", "_sidecar", "_build", "_decode", "_clock"),
    *(f"_bytes/{name}.py" for name in ("disk_files", "caches", "copies", "fetch", "retry")),
    *(f"_video/{name}.py" for name in ("lazy_arrays", "recording", "series", "masks")),
]


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


def run_mutants(mutants: list[Mutant], folder: Path, seconds: float) -> Iterator[Outcome]:
    r"""Yields what becomes of each mutant, after a run of all tests without any.

    Args:
        mutants: to be tried.
        folder: an empty one, for a copy of the repository.
        seconds: after which a run counts as one that never ends.

    Raises:
        RuntimeError: if a test fails without a mutant.
    """
    _copy_repository(folder)
    # By their content, since a mutant may be as long and as old as the module was.
    compile_all = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash")
    subprocess.run([sys.executable, *compile_all, PACKAGE], cwd=folder, check=True)
    needed = dict.fromkeys(test for m in mutants for test in _tests_of(m.module))
    died, last = _run_tests(list(needed), folder, 20 * seconds)
    if died:
        raise RuntimeError(f"tests fail without a mutant: {last}")
    for mutant in mutants:
        place = folder / PACKAGE / mutant.module
        code = place.read_text(encoding="utf-8")
        place.write_text(mutant.code, encoding="utf-8")
        try:
            yield Outcome(mutant, *_run_tests(_tests_of(mutant.module), folder, seconds))
        finally:
            place.write_text(code, encoding="utf-8")


def _copy_repository(folder: Path) -> None:
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def _modules(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _tests_of(module: str) -> list[str]:
    return TESTS[max((name for name in TESTS if module.startswith(name)), key=len)]


def _run_tests(tests: list[str], folder: Path, seconds: float) -> tuple[bool, str]:
    arguments = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not corpus")
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TEMPORALDATA_VIDEO_CORPUS", None)
    process = subprocess.Popen(
        [sys.executable, *arguments, *tests],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True, f"no end after {seconds:g} s"
    finally:
        # With the servers and workers that tests may have left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return process.returncode != 0, [*output.splitlines()[-1:], *lines][-1]


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
