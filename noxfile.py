r"""Every check of this project; ``nox`` alone runs those that a change must pass."""

import shutil
import subprocess
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def runs(version: str) -> bool:
    # pyenv has a command for each version, and refuses to run those that are not chosen.
    command = shutil.which(f"python{version}")
    return (
        bool(command) and subprocess.run([command, "-c", ""], check=False).returncode == 0
    )


# PyAV 19 and NumPy 2.5 need 3.12. So the newest packages run on the newest Python there is,
# and the oldest ones on the oldest.
NEWEST = next(filter(runs, reversed(PYTHONS)), PYTHONS[0])
HOSTS = ["0.1.4", "0.1.5", "0.1.6"]
# The ends of what the oldest Python takes: packages that touch files, pixels and arrays,
# and those of the command line, which does not start where typer lacks something.
# The newest pyarrow needs a newer NumPy than the lowest one.
STACKS = {
    "lowest": [
        *("av==14.2.0", "pylance==0.39.0", "numpy==1.26.4", "pyarrow==16.1.0"),
        *("typer==0.17.5", "rich==13.7.0"),
    ],
    "newest": ["av==18.1.0", "pylance==14.0.2", "numpy==2.4.6"],
}

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# A Python that is not here is named, and its session skipped; not so the two ends above.
nox.options.error_on_missing_interpreters = False
nox.options.sessions = [
    f"tests-{NEWEST}",
    "lint",
    "typecheck",
    "compat-3.11(lowest, 0.1.4)",
    "torch-3.11(0.2.1)",
    "cases",
]

# Its series need no PyTorch, and nothing that is not here already.
TORCH_BRAIN = ["--no-deps", "torch_brain==0.2.1"]

SHOW_VERSIONS = """
from importlib.metadata import distributions
print(*sorted({f"{d.name} {d.version}" for d in distributions()}), sep="\\n")
"""

# Run against what a wheel and an sdist install, with what the sdist holds.
SDIST_TESTS = [
    "tests/plugin",
    "tests/video/test_video_windows.py",
    "tests/test_upstream.py",
]

# Reading, indexing, checking, saving. What is left out needs servers, NWB or forks.
PORTABLE_TESTS = [
    *("tests/base", "tests/build", "tests/clock", "tests/decode", "tests/index"),
    *("tests/pixels", "tests/pose", "tests/video", "tests/tools/checking"),
    *("tests/tools/test_relink.py", "tests/bytes/test_cache.py"),
    *("tests/bytes/test_fetch.py", "tests/bytes/test_local.py"),
]

# Long, and about programs around the package: pages, examples, benchmarks, stress, viewer.
# All the rest runs on every stack and host.
NEWEST_ONLY = [
    *("tests/test_docs.py", "tests/test_examples.py", "tests/test_benchmarks.py"),
    *("tests/test_stress.py", "tests/view"),
]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def dependency_group(name: str) -> list[str]:
    return nox.project.dependency_groups(PYPROJECT, name)


def run_tests(session: nox.Session, *arguments: str, **variables: str) -> None:
    # Twice as many as a small machine has cores: many tests wait for a server or a process.
    command = ["pytest", "-n", "4", "--dist", "worksteal", *arguments, *session.posargs]
    session.run(*command, env=variables)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    r"""The whole suite with the newest packages that each Python takes; the corpus of real
    videos once, on the newest Python."""
    session.install("-e", ".[nwb,plot]", *dependency_group("test"))
    session.install(*TORCH_BRAIN)
    run_tests(session, *([] if session.python == NEWEST else ["-m", "not corpus"]))


@nox.session(python=NEWEST, reuse_venv=False)
def newest(session: nox.Session) -> None:
    r"""Whether today's newest releases still pass, whatever they are: nothing is pinned."""
    session.install("--upgrade", "-e", ".[nwb,plot]", *dependency_group("test"))
    session.install("--upgrade", "--no-deps", "torch_brain")
    session.run("python", "-c", SHOW_VERSIONS)
    run_tests(session, "-m", "not corpus")


@nox.session(python=NEWEST)
def portable(session: nox.Session) -> None:
    r"""The core of the suite in a Python that lacks what Windows lacks, with spawn only."""
    session.install("-e", ".[nwb,plot]", *dependency_group("test"))
    lacking = str(Path("tests", "portable").resolve())
    run_tests(session, "-m", "not corpus", *PORTABLE_TESTS, PYTHONPATH=lacking)


@nox.session(python=PYTHONS[0])
@nox.parametrize("host", HOSTS, ids=HOSTS)
@nox.parametrize("stack", list(STACKS), ids=list(STACKS))
def compat(session: nox.Session, stack: str, host: str) -> None:
    r"""Every host, with the oldest and the newest packages under it."""
    session.install(
        "-e",
        ".[nwb,plot]",
        f"temporaldata=={host}",
        *STACKS[stack],
        *dependency_group("test"),
    )
    session.install(*TORCH_BRAIN)
    run_tests(session, "-m", "not corpus", *[f"--ignore={name}" for name in NEWEST_ONLY])


@nox.session(python=PYTHONS[0], venv_backend="uv")
def minimums(session: nox.Session) -> None:
    r"""The suite, corpus included, with the lowest version of every dependency."""
    session.install("-e", ".[nwb,plot]", "--resolution", "lowest-direct")
    session.install(*dependency_group("test"))
    run_tests(session)


@nox.session(python=PYTHONS[0], venv_backend="virtualenv")
@nox.parametrize("brain", ["0.1.2", "0.2.1"], ids=["0.1.2", "0.2.1"])
def torch(session: nox.Session, brain: str) -> None:
    r"""Training with PyTorch and torch_brain; pip, since uv takes the build for CUDA."""
    session.install("torch==2.13.0", f"torch_brain=={brain}", "lightning==2.6.6")
    session.install("-e", ".", *dependency_group("test"))
    workers = "tests/remote/test_video_remote_workers.py"
    run_tests(
        session,
        "tests/hosts",
        "tests/test_training.py",
        "tests/training",
        workers,
        "temporaldata_video/hosts",
    )


@nox.session(python=PYTHONS[0])
def cases(session: nox.Session) -> None:
    r"""Files behind public reports; the program beside them needs a PyAV before 19."""
    session.install("-e", ".", *dependency_group("test"))
    run_tests(session, "tests/test_cases.py")


@nox.session(python=PYTHONS[0])
def view(session: nox.Session) -> None:
    r"""The viewer in a real browser, which is chromium with chromium-driver of Debian."""
    extras = ".[view,rerun]"
    session.install("-e", extras, "selenium>=4.20", *dependency_group("test"))
    session.run("pytest", "tests/view", *session.posargs)


@nox.session(python=PYTHONS[0])
def stores(session: nox.Session) -> None:
    r"""Google's and Azure's stores by their emulators; Azurite comes from npm."""
    session.install("-e", ".[gcs,azure]", "gcp-storage-emulator", *dependency_group("test"))
    session.run("pytest", "tests/bytes/test_other_stores.py", *session.posargs)


@nox.session(python=PYTHONS[0])
def brainsets(session: nox.Session) -> None:
    r"""A data set with a video, prepared by the command of brainsets."""
    session.install("-e", ".", "brainsets==0.2.2", *dependency_group("test"))
    session.run("pytest", "tests/test_brainsets.py", *session.posargs)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    r"""Ruff: mistakes, imports, layout."""
    session.install(*dependency_group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=PYTHONS[0])
def typecheck(session: nox.Session) -> None:
    r"""mypy over the package; mypy and pyright over what users write with it."""
    session.install("-e", ".", *dependency_group("typecheck"))
    session.run("mypy")
    with session.chdir("tests/typing"):
        session.run("mypy", "right_program.py", "wrong_program.py")
        session.run("basedpyright")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    r"""The site; a warning is an error. What is built is read, and its notebook run."""
    session.install("-e", ".", *dependency_group("docs"))
    session.install(*TORCH_BRAIN)
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")
    session.run("pytest", "tests/test_site.py", *session.posargs)


@nox.session(python=PYTHONS[0], venv_backend="virtualenv")
def bench(session: nox.Session) -> None:
    r"""This package beside its peers and FFmpeg itself; ``-- --quick`` takes minutes."""
    session.install("-e", ".[plot]", *dependency_group("bench"))
    # Peers that cannot be installed here are named as missing in the results.
    for peer in (["torch==2.13.0"], ["--no-deps", "torchcodec==0.13.0"]):
        session.run("pip", "install", *peer, success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    r"""All readers of foreign bytes under atheris; ``-- --seconds 600`` for each."""
    session.install("-e", ".[nwb]", "atheris")
    seconds = [] if "--seconds" in session.posargs else ["--seconds", "120"]
    session.run("python", "-m", "stress", "fuzz", "--guided", *seconds, *session.posargs)


@nox.session(python=PYTHONS[0])
def stress(session: nox.Session) -> None:
    r"""All that the table of trust.md counts, but for fuzzing."""
    session.install("-e", ".[nwb]", *dependency_group("test"))
    commands = "damage structure writers resources forks processes signals limits changes"
    for command in f"{commands} recordings servers long".split():
        session.run("python", "-m", "stress", command, *session.posargs)


@nox.session(python=PYTHONS[0])
def mutants(session: nox.Session) -> None:
    r"""Random mistakes in the package; which of them no test notices."""
    session.install("-e", ".[nwb,plot]", *dependency_group("test"))
    session.install("cosmic-ray>=8.4", "coverage>=7.6")
    session.run("python", "-m", "stress", "mutants", *session.posargs)


@nox.session(python=PYTHONS[0])
def build(session: nox.Session) -> None:
    r"""Wheel and sdist: checked, and each used in environments of its own, on both ends."""
    shutil.rmtree("dist", ignore_errors=True)
    session.install("build", "twine", "uv")
    session.run("python", "-m", "build")
    wheel, sdist = (next(Path("dist").glob(f"*{end}")) for end in (".whl", ".tar.gz"))
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    folder = Path(session.create_tmp()).resolve()
    # What the sdist holds is enough to test what was made of it.
    shutil.unpack_archive(sdist, folder)
    tests = folder / sdist.name.removesuffix(".tar.gz")
    shutil.rmtree(tests / "temporaldata_video")
    for version in dict.fromkeys((PYTHONS[0], NEWEST)):
        for file in (wheel, sdist):
            place = folder / f"{version}-{file.name}"
            session.run("uv", "venv", "--clear", "--python", version, str(place))
            scripts = place / "bin"
            session.run(
                *("uv", "pip", "install", "--python", str(scripts / "python")),
                *(f"{file.resolve()}[plot]", *dependency_group("test")),
            )
            demo = [str(scripts / "temporaldata-video"), "demo", str(place / "demo")]
            session.run(*demo, external=True)
            with session.chdir(tests):
                command = [str(scripts / "python"), "-m", "pytest", *SDIST_TESTS]
                session.run(*command, external=True)
