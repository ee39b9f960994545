r"""What stores, indexes, caches and backends promise, as suites for pytest.

An author of one subclasses the suite, with fixtures that make what it tests; pytest then
collects the tests.
"""

from .backend_contract import BackendContract
from .cache_contract import CacheContract, DictStore
from .index_contract import FrameIndexContract
from .store_contract import ObjectStoreContract

__all__ = [
    "BackendContract",
    "CacheContract",
    "DictStore",
    "FrameIndexContract",
    "ObjectStoreContract",
]
