"""Work that goes on in another thread while its results are used."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_END: Any = object()


def in_background(items: Generator[T, None, None], ahead: int) -> Generator[T, None, None]:
    """The same items in the same order; a thread of its own makes at most ``ahead`` in advance.

    An error in ``items`` is raised here, in its place. When this generator is closed, the thread
    ends and ``items`` is closed too.
    """
    pool = ThreadPoolExecutor(1)
    try:
        futures = deque(pool.submit(next, items, _END) for _ in range(ahead))
        while (item := futures.popleft().result()) is not _END:
            futures.append(pool.submit(next, items, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()
