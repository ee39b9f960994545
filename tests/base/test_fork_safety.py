r"""A process may fork while its other threads import, or compute a property."""

from __future__ import annotations

import pytest

from temporaldata_video._base.fork_safety import kept_property
from tests.helpers import needs_fork

# The thread holds the lock of a module until the timer lets it go on, which is after the
# fork has begun. The child needs the same module.
IMPORTING = """
import os, sys, threading
import temporaldata_video

begun, go_on = threading.Event(), threading.Event()

class Waits:
    def find_spec(self, name, *arguments):
        if name == MODULE and threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait()

def load():
    __import__(MODULE)

sys.meta_path.insert(0, Waits())
thread = threading.Thread(target=load)
thread.start()
begun.wait()
threading.Timer(0.3, go_on.set).start()
child = os.fork()
if child == 0:
    load()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
print("right")
"""


@needs_fork
@pytest.mark.parametrize("module", ["av", "lance", "fsspec.asyn"])
def test_a_fork_waits_for_imports(run_python, module):
    assert "right" in run_python(f"MODULE = {module!r}\n{IMPORTING}").splitlines()


COMPUTING = """
import os, threading
from temporaldata_video._base.fork_safety import kept_property

begun, go_on = threading.Event(), threading.Event()

class Video:
    @kept_property
    def index(self):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait()
        return 5

shared = Video()
thread = threading.Thread(target=lambda: shared.index)
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    os._exit(shared.index + Video().index)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
go_on.set()
thread.join()
print("right")
"""


@needs_fork
def test_a_child_computes_what_a_thread_of_its_parent_computes(run_python):
    # Since 3.12 Python warns of forks beside threads.
    assert "right" in run_python(COMPUTING).splitlines()


def test_a_property_is_kept():
    class Counted:
        calls = 0

        @kept_property
        def value(self) -> list[int]:
            r"""Says what it is."""
            self.calls += 1
            return [self.calls]

    one, other = Counted(), Counted()
    assert one.value is one.value and one.value == other.value == [1]
    assert Counted.value.__doc__ == "Says what it is."
