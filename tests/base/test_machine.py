r"""What the machine says it has, and what is done where it does not say."""

from __future__ import annotations

import os

import pytest

from temporaldata_video._base import machine


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_as_many_threads_as_the_process_may_use_processors(run_python):
    program = """
import os
from temporaldata_video._base.machine import usable_threads
allowed = os.sched_getaffinity(0)
print(usable_threads() == len(allowed))
os.sched_setaffinity(0, {min(allowed)})
print(usable_threads())
"""
    assert run_python(program).split() == ["True", "1"]


def test_one_thread_in_a_worker_of_a_data_loader(run_python):
    pytest.importorskip("torch")
    program = """
from torch.utils.data import DataLoader
from temporaldata_video._base.machine import usable_threads

class Threads:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return usable_threads()

print([int(n) for n in DataLoader(Threads(), batch_size=None, num_workers=2)])
"""
    assert run_python(program).startswith("[1, 1]")


@pytest.mark.skipif(machine.available_memory() is None, reason="nothing is said here")
def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    available = machine.available_memory()
    assert 1 << 20 < available < 1 << 50
    for name, text in {
        "memory.max": "1000000000",
        "memory.current": "400000000",
        "memory.stat": "anon 5\nfile 100000000",
    }.items():
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert machine.available_memory() == min(available, 700_000_000) or available < 7e8
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.available_memory() > 0


def test_a_system_that_does_not_say_sets_no_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert machine.machine_memory() is None
    assert machine.available_memory() is None
