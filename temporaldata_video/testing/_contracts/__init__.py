r"""What stores, indexes, caches and backends promise, as suites for pytest.

Whoever writes one subclasses the suite and says by fixtures how to make it; pytest then
collects its tests.
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
