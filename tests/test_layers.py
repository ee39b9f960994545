r"""The house: what is public, imports that run one way, libraries in their places."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import temporaldata_video

PACKAGE = Path(temporaldata_video.__file__).parent
NAME = "temporaldata_video"

# What users import; all else lies in folders with an underscore.
PUBLIC = {"__init__", "errors", "types", "hosts", "nwb", "testing", "training"}
# The modules of public folders that users import by name.
PUBLIC_MODULES = {
    "hosts": ("temporaldata", "torch_brain"),
    "testing": ("damage", "strategies"),
}
MOST_FLOORS = 9

PLACES = {
    "av": {
        "_base/container.py",
        "_index/",
        "_pixels/",
        "_decode/",
        "_build/readback.py",
        "_tools/checking/decoding_findings.py",
        "_tools/proxies/",
        "_tools/reencoding/",
        "testing/_clips.py",
    },
    "lance": {"_sidecar/lance_access.py"},
    "csv": {"_base/text_table.py"},
    "pandas": set(),
    "pynwb": {"nwb/"},
    # The demo shows what users write, who import the host themselves.
    "temporaldata": {
        "hosts/",
        "_cli/demo_command.py",
        "testing/_contracts/backend_contract.py",
    },
    "torch_brain": {"hosts/"},
}

HEAVY = {"av", "lance", "pyarrow", "fsspec", "matplotlib", "torch", "pandas", "pynwb"}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py") if parts else "__init__"


def imported_by(module: Path) -> list[str]:
    r"""Absolute names of all that a module imports, wherever in it, and for types alone."""
    package = [NAME, *module.parent.parts]
    names = []
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, *filter(None, [node.module])]
            # "from . import x" imports the module x, where there is one.
            names += [".".join([*origin, alias.name]) for alias in node.names]
    return names


def own_modules(module: Path) -> set[str]:
    r"""Those of our modules that a module imports, as paths without a suffix."""
    found = set()
    for name in imported_by(module):
        parts = name.split(".")
        if parts[0] == NAME:
            while parts[1:] and not is_module(parts[1:]):
                parts.pop()
            found.add("/".join(parts[1:]) or "__init__")
    return found


def is_module(parts: list[str]) -> bool:
    place = PACKAGE.joinpath(*parts)
    return place.is_dir() or place.with_suffix(".py").exists()


def floors(edges: dict[str, set[str]]) -> dict[str, int]:
    r"""The floor of each node; what imports nothing is on the ground."""
    found: dict[str, int] = {}
    while len(found) < len(edges):
        ready = {
            node: 1 + max((found[other] for other in below), default=0)
            for node, below in edges.items()
            if node not in found and below <= found.keys()
        }
        assert ready, f"imports go in circles: {sorted(edges.keys() - found.keys())}"
        found |= ready
    return found


def test_imports_between_rooms_run_one_way():
    edges: dict[str, set[str]] = {room_of(module.parts): set() for module in MODULES}
    for module in MODULES:
        room = room_of(module.parts)
        edges[room] |= {name.split("/")[0] for name in own_modules(module)} - {room}
    assert max(floors(edges).values()) <= MOST_FLOORS


def test_imports_between_modules_run_one_way():
    def named(module: Path) -> str:
        return module.with_suffix("").as_posix().removesuffix("/__init__")

    edges = {named(module): own_modules(module) - {named(module)} for module in MODULES}
    floors(edges)


def test_what_is_public():
    rooms = {room_of(module.parts) for module in MODULES}
    private = {room for room in rooms - PUBLIC if room.startswith("_")}
    assert rooms - private == PUBLIC
    loose = [room for room in private if (PACKAGE / f"{room}.py").exists()]
    assert len(loose) <= 2
    for folder in PUBLIC - {"__init__", "errors", "types"}:
        for path in (PACKAGE / folder).iterdir():
            if path.suffix != ".py":
                continue
            public = {
                "hosts": ("temporaldata", "torch_brain"),
                "testing": ("damage", "strategies"),
            }
            is_host = path.stem in public.get(folder, ())
            assert path.name.startswith("_") or is_host, f"{path} is no public module"


def test_the_package_shows_its_public_names_alone():
    shown = dir(temporaldata_video)
    assert sorted(n for n in shown if not n.startswith("__")) == sorted(
        temporaldata_video.__all__
    )


def test_no_two_modules_have_one_name():
    names = Counter(m.stem for m in MODULES if m.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []


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
    assert {"_decode/plan.py", "_index/order.py", "_video/series.py"} <= named
