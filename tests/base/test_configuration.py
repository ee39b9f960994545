r"""One configuration: settings are environment variables, which all processes share."""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import asdict, fields

import pytest

import temporaldata_video as tv
from temporaldata_video._base.configuration import SETTINGS

# Of each setting a value that is not its default.
OTHERS = {
    "cache_directory": "elsewhere",
    "cache_quota_bytes": 10**6,
    "cache_block_bytes": 8192,
    "cache_kind": "files",
    "decoders": 7,
    "decoder_memory_bytes": 10**5,
    "output_memory_bytes": 0,
    "request_memory_bytes": 10**9,
    "clock_memory_bytes": 10**4,
    "retries": 2,
    "request_seconds": 5,
    "allowed_schemes": ["s3", "https"],
    "proxy": "lossy",
}
METHODS = multiprocessing.get_all_start_methods()
WORKER = """
import dataclasses, json, multiprocessing, os, sys
import temporaldata_video as tv

def answer(pipe):
    pipe.send(tv.configuration())

if __name__ == "__main__":
    method, others = sys.argv[1:]
    context = multiprocessing.get_context(method)
    before = tv.configuration()
    after = tv.configure(**json.loads(others))
    here, there = context.Pipe()
    worker = context.Process(target=answer, args=(there,))
    worker.start()
    seen = here.recv()
    worker.join()
    print(json.dumps([dataclasses.asdict(c) for c in (before, after, seen)]))
"""


@pytest.fixture(scope="module", params=METHODS)
def seen(request, tmp_path_factory):
    r"""The configuration before, after, and in a worker that was started then."""
    folder = tmp_path_factory.mktemp(request.param)
    script = folder / "program.py"
    script.write_text(WORKER)
    variables = {setting.variable for setting in SETTINGS.values()}
    done = subprocess.run(
        [sys.executable, str(script), request.param, json.dumps(OTHERS)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={name: text for name, text in os.environ.items() if name not in variables},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [field.name for field in fields(tv.Configuration)])
def test_a_setting_reaches_workers(seen, name):
    before, after, in_worker = seen
    assert after[name] == in_worker[name] != before[name]
    if name == "cache_directory":
        assert os.path.isabs(after[name]) and after[name].endswith(OTHERS[name])
    else:
        assert after[name] == OTHERS[name]


def test_all_say_the_same_names():
    names = [field.name for field in fields(tv.Configuration)]
    assert names == [*SETTINGS] == [*inspect.signature(tv.configure).parameters]
    for name, setting in SETTINGS.items():
        assert setting.name == name
        assert setting.variable == f"TEMPORALDATA_VIDEO_{name.upper()}"


def test_what_is_not_given_stays(configure):
    before = asdict(configure(decoders=3, allowed_schemes=["s3"]))
    after = asdict(configure(retries=1))
    assert after == {**before, "retries": 1} == asdict(tv.configuration())
    assert configure(allowed_schemes=[]).allowed_schemes == ()


@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_variable_counts_as_not_set(name, configure, monkeypatch):
    expected = getattr(tv.configuration(), name)
    monkeypatch.setenv(SETTINGS[name].variable, "")
    assert getattr(tv.configuration(), name) == SETTINGS[name].default()
    monkeypatch.delenv(SETTINGS[name].variable)
    assert getattr(tv.configuration(), name) == SETTINGS[name].default()
    assert name == "cache_directory" or expected == SETTINGS[name].default()


def test_a_variable_counts_as_soon_as_it_is_set(configure, monkeypatch):
    for name, value in OTHERS.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        monkeypatch.setenv(SETTINGS[name].variable, text)
    assert asdict(tv.configuration()) == {**OTHERS, "allowed_schemes": ("s3", "https")}


NUMBERS = [name for name in SETTINGS if name.endswith("_bytes")] + ["decoders", "retries"]
WRONG = [
    *((name, -1, "must be a whole number that is at least") for name in NUMBERS),
    *((name, "many", "must be a whole number") for name in NUMBERS),
    ("request_seconds", 0, "must be a whole number that is at least 1"),
    ("decoders", 2.5, "must be a whole number that is at least 0"),
    ("cache_block_bytes", 100, "must be a whole number that is at least 4096"),
    ("cache_kind", "some", "must be one of .*'blocks', 'files', 'none'"),
    ("proxy", "always", "must be one of .*'lossless', 'lossy', 'never'"),
    ("allowed_schemes", "s3:", "must be"),
    ("allowed_schemes", "s3://", "must be"),
    ("allowed_schemes", "s3,", "must be"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_what_makes_no_sense_is_refused(name, value, message, configure, monkeypatch):
    variable = SETTINGS[name].variable
    before = tv.configuration()
    said = rf"{name} \({variable}\) {message}.*, got {value!r}\."
    with pytest.raises(ValueError, match=said):
        configure(**{"retries": 1, name: value})
    assert tv.configuration() == before
    monkeypatch.setenv(variable, str(value))
    with pytest.raises(ValueError, match=rf"{variable}\) {message}.*, got '{value}'\."):
        tv.configuration()
    configure(**{name: OTHERS[name]})  # it can be mended


@pytest.mark.parametrize("schemes", [[""], ["s3:"], ["a,b"], ["s3://"], "s3", [3]])
def test_schemes_are_a_list_of_names(schemes, configure):
    with pytest.raises(ValueError, match=r"allowed_schemes .* must be"):
        configure(allowed_schemes=schemes)


@pytest.mark.parametrize("folder", ["", 3])
def test_the_cache_has_a_folder(folder, configure):
    with pytest.raises(ValueError, match=r"cache_directory .* must be the path"):
        configure(cache_directory=folder)


def test_a_folder_is_tried_at_once(configure, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(tv.CacheError, match=r"cannot be used.*cache_directory=\.\.\."):
        configure(cache_directory=tmp_path / "file")
    assert tv.configuration().cache_directory != str(tmp_path / "file")


@pytest.mark.parametrize(
    "name", ["decoders", "decoder_memory_bytes", "output_memory_bytes", "retries"]
)
def test_importing_looks_at_no_variable(name, run_python, configure, monkeypatch):
    monkeypatch.setenv(SETTINGS[name].variable, "many")
    assert run_python("import temporaldata_video; print('fine')") == "fine\n"


@pytest.mark.parametrize("name", ["decoders", "request_memory_bytes", "clock_memory_bytes"])
def test_a_window_says_which_variable_makes_no_sense(clip, name, configure, monkeypatch):
    monkeypatch.setenv(SETTINGS[name].variable, "many")
    with pytest.raises(ValueError, match=SETTINGS[name].variable):
        _ = tv.LazyVideo.from_uri(clip).slice(0.0, 0.5).frames
