r"""Fuzzes one target under atheris, which follows the branches that an input takes.

Run by ``python -m stress fuzz`` in a process of its own for each target, since libFuzzer
ends the process that it runs in.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path


def main(target: str, seconds: str, corpus: str, out: str) -> None:
    r"""Runs a target until the time is up, or it fails.

    Args:
        target: its name.
        seconds: for how long.
        corpus: the folder of a corpus of real files, or ``""``.
        out: where an input that fails is written.
    """
    import atheris

    with atheris.instrument_imports(include=["temporaldata_video"]):
        from . import targets
    from .fuzz import mutate
    from .seeds import dictionary, seeds

    run = targets.TARGETS[target]
    folder = Path(tempfile.mkdtemp())
    known = seeds(target, folder, Path(corpus) if corpus else None)
    store = folder / "inputs"
    store.mkdir()
    for number, data in enumerate(known):
        (store / f"seed-{number}").write_bytes(data)
    words = folder / "words"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in dictionary())
    words.write_text("".join(f'"{word}"\n' for word in quoted))

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        # Half of the changes know the format, half are libFuzzer's own.
        chance = random.Random(seed)
        try:
            if target in ("sidecar", "rows") or chance.random() < 0.5:
                return mutate(target, data, chance)[:max_size]
        except (ValueError, LookupError, TypeError, AttributeError):
            pass
        return atheris.Mutate(data, max_size)

    atheris.Setup(
        [
            sys.argv[0],
            str(store),
            f"-max_total_time={seconds}",
            f"-dict={words}",
            f"-artifact_prefix={out}/{target}-",
            f"-max_len={max(map(len, known)) * 2}",
            "-timeout=10",
            "-rss_limit_mb=4096",
            "-malloc_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=1",
        ],
        run,
        custom_mutator=mutated,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
