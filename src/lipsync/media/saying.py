"""Warnings of a file that is read several times: each is said once, and can be gathered."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

log = logging.getLogger(__name__)


@lru_cache(maxsize=1024)
def warn(line: str) -> None:
    """Log a warning, unless this process has said the very same."""
    log.warning("%s", line)


@contextmanager
def gathered() -> Iterator[list[str]]:
    """The warnings that lipsync logs in this thread meanwhile, each once, in their order.

    What this process has said before is said anew. They go to the log as ever.
    """
    warn.cache_clear()
    handler, lipsync = _Gatherer(), logging.getLogger("lipsync")
    lipsync.addHandler(handler)
    try:
        yield handler.lines
    finally:
        lipsync.removeHandler(handler)


class _Gatherer(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.thread == self._thread and line not in self.lines:
            self.lines.append(line)
        if logging.lastResort is not None and not logging.getLogger().handlers:
            logging.lastResort.handle(record)  # which logging leaves out where there is a handler
