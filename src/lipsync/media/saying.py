"""Warnings of a file that is read several times: each is said once."""

import logging
from functools import lru_cache

log = logging.getLogger(__name__)


@lru_cache(maxsize=1024)
def warn(line: str) -> None:
    """Log a warning, unless this process has said the very same."""
    log.warning("%s", line)
