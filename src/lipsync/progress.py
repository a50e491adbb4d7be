"""One way to show progress: a tqdm bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
PLAIN_INTERVAL = 10.0  # seconds between lines when stderr is no terminal


def progress(items: Iterable[T], *, total: int | None = None, desc: str) -> Iterator[T]:
    """Iterate over ``items`` and show how far it is on stderr; gone when done.

    Where stderr is not a terminal (a log, CI) a plain line appears every 10 seconds instead.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=desc, leave=False, ncols=100)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL:
            last = now
            of = f" of {total}" if total else ""
            print(f"{desc}: {done}{of}, {done / (now - start):.1f}/s", file=sys.stderr, flush=True)
        yield item
