"""A process known by its number and the time it was made, for numbers are given again."""

import psutil

CLOCK = 1.0  # seconds by which two readings of a process's start may differ


def find_process(pid: int, created: float) -> psutil.Process | None:
    """The process, if it lives still; None of one that is dead or another that has its number.

    created: unix seconds, as psutil says
    """
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < CLOCK
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def created(pid: int) -> float:
    """When a process was made, unix seconds; 0 if it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
