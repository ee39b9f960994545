r"""What stores, indexes, caches and backends promise, as suites for pytest.

Whoever writes one subclasses the suite and says by fixtures how to make it; pytest then
collects its tests.
"""

from .backend import BackendContract
from .cache import CacheContract, DictStore
from .index import FrameIndexContract
from .store import ObjectStoreContract

__all__ = [
    "BackendContract",
    "CacheContract",
    "DictStore",
    "FrameIndexContract",
    "ObjectStoreContract",
]
