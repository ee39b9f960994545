r"""Importing the package reads code, and changes no file."""

from __future__ import annotations

PROGRAM = """
import os, sys

sys.dont_write_bytecode = True
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    f"os.{name}"
    for name in "chmod chown link mkdir remove rename rmdir symlink truncate utime".split()
}
seen = []

def watch(event, arguments):
    writes = event == "open" and arguments[2] & WRITES and arguments[0] != os.devnull
    if writes or event in CHANGES:
        seen.append(f"{event} {arguments[0]}")

sys.addaudithook(watch)
before = dict(os.environ)
import temporaldata_video
assert dict(os.environ) == before
print(*seen, sep="\\n")
"""


def test_importing_changes_no_file(run_python):
    assert run_python(PROGRAM).strip() == ""


def test_a_change_would_be_seen(run_python, tmp_path):
    path = tmp_path / "file"
    touched = f"path = {str(path)!r}; open(path, 'w').close(); os.unlink(path)"
    said = run_python(PROGRAM.replace("import temporaldata_video", touched))
    assert said.splitlines() == [f"open {path}", f"os.remove {path}"]
