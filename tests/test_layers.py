r"""The house: imports run one way, libraries have their places, modules stay small."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import temporaldata_video

PACKAGE = Path(temporaldata_video.__file__).parent
NAME = "temporaldata_video"

# From the ground up; a module imports from floors below its own, and from its own room.
FLOORS = [
    {
        "container",
        "errors",
        "formats",
        "types",
        "layout",
        "memory_bound",
        "output_memory",
        "process",
        "progress",
    },
    {"index", "media"},
    {"plugin", "plot"},
    {
        "arguments",
        "costing",
        "batch",
        "display",
        "facts",
        "fileindex",
        "freshness",
        "indexing",
        "lazy",
        "many",
        "masked",
        "part",
        "readback",
        "reading",
        "resample",
        "saved",
        "source",
        "thumbnails",
        "video",
    },
    {"hosts", "testing", "overview", "nwb", "checking", "reencoding"},
    {"__init__"},
    {"cli"},
]
# What shares a floor without being one room.
STRANGERS = [{"index", "media"}, {"plugin", "plot"}, {"hosts", "overview"}]

PLACES = {
    "av": {
        "container.py",
        "index/chroma.py",
        "index/demux.py",
        "index/order.py",
        "media/convert.py",
        "media/decode.py",
        "media/encode.py",
        "media/jpeg.py",
        "media/probe.py",
        "media/swscale.py",
        "media/turn.py",
        "readback.py",
        "testing/clips.py",
    },
    "lance": {"index/lance_access.py"},
    "pynwb": {"nwb/"},
    # The demo shows what users write, who import the host themselves.
    "temporaldata": {"hosts/", "cli/demo.py"},
    "torch_brain": {"hosts/"},
}

HEAVY = {"av", "lance", "pyarrow", "fsspec", "matplotlib", "torch", "pandas", "pynwb"}

# Where the package is installed from its sources, some of these are not.
BESIDE = [
    Path(__file__).resolve().parents[1] / name
    for name in ("tests", "benchmarks", "stress", "examples")
]
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py") if parts else "__init__"


def floor_of(room: str) -> int:
    (floor,) = (number for number, rooms in enumerate(FLOORS) if room in rooms)
    return floor


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(tree: ast.AST):
    r"""Yields all nodes, but for those that only type checkers see."""
    for child in ast.iter_child_nodes(tree):
        if not only_for_types(child):
            yield child
            yield from statements(child)


def imported_by(module: Path) -> list[str]:
    r"""Absolute names of all that a module imports, wherever in it."""
    package = [NAME, *module.parent.parts]
    names = []
    for node in statements(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, *filter(None, [node.module])]
            # "from . import x" imports the module x, where there is one.
            names += [".".join([*origin, alias.name]) for alias in node.names]
    return names


def own_rooms(module: Path) -> set[str]:
    parts = [
        name.split(".")[1:] for name in imported_by(module) if name.split(".")[0] == NAME
    ]
    known = set().union(*FLOORS)
    return {p[0] if p and p[0] in known else "__init__" for p in parts}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_knows_its_place(module):
    room = room_of(module.parts)
    assert any(room in rooms for rooms in FLOORS), f"give {room!r} a floor"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_run_one_way(module):
    room = room_of(module.parts)
    for other in own_rooms(module) - {room}:
        assert floor_of(other) <= floor_of(room), f"{module} looks up to {other}"
        assert {room, other} not in STRANGERS, f"{module} imports {other} beside it"


@pytest.mark.parametrize("library", PLACES)
def test_a_library_has_its_places(library):
    used = {
        module.as_posix()
        for module in MODULES
        if any(name.split(".")[0] == library for name in imported_by(module))
    }
    allowed = PLACES[library]
    strays = {m for m in used if not any(m == a or m.startswith(a) for a in allowed)}
    assert not strays


def test_within_a_floor_nothing_goes_in_circles():
    for rooms in FLOORS[:4:3]:
        edges = {room: own_rooms(Path(f"{room}.py")) & rooms - {room} for room in rooms}
        done: set[str] = set()
        while len(done) < len(rooms):
            ready = {room for room in rooms - done if edges[room] <= done}
            assert ready, f"a circle in {rooms - done}"
            done |= ready


@pytest.mark.parametrize("folder", [PACKAGE, *BESIDE], ids=lambda folder: folder.name)
def test_modules_are_small(folder):
    lines = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8").count("\n")
        for path in folder.rglob("*.py")
    }
    long = {module: count for module, count in lines.items() if count > 400}
    assert not long, "split what has more than 400 lines"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_what_it_holds(module):
    assert ast.get_docstring(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_import_no_heavy_library_at_their_top(module):
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    tops = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    names = {
        name.split(".")[0]
        for node in tops
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module if node.module and not node.level else ""]
        )
    }
    assert not names & HEAVY


def test_the_architecture_names_modules_that_are_there():
    page = PACKAGE.parent / "docs" / "architecture.md"
    named, room = set(), ""
    for name in re.findall(
        r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", page.read_text(encoding="utf-8")
    ):
        # Behind a module with its folder, others of the same folder are named without.
        places = [PACKAGE / room / name, PACKAGE / name, PACKAGE.parent / name]
        place = next((place for place in places if place.exists()), None)
        assert place, f"{name} is not there"
        if place.is_relative_to(PACKAGE):
            room = place.relative_to(PACKAGE).parent
            named.add(str(place.relative_to(PACKAGE)))
    assert {"media/plan.py", "index/order.py", "video.py"} <= named
