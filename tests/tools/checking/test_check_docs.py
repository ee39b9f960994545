r"""Every kind of finding has its row in the documentation."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from temporaldata_video._tools import checking

REPOSITORY = Path(__file__).resolve().parents[3]


def codes_in_code() -> set[str]:
    codes = set()
    for module in Path(checking.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                assert isinstance(node.args[1], ast.Constant)
                codes.add(node.args[1].value)
    return codes


def test_the_documentation_tells_of_every_finding():
    text = (REPOSITORY / "docs" / "check.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == codes_in_code()
