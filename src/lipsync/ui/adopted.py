"""A process that an earlier page has started, known by its number and the time it was made."""

from typing import Protocol

from lipsync.processes import find_process

UNKNOWN = -1000  # stands for the exit code of a process that is not a child of this one


class Process(Protocol):
    """What a run asks of its process; `subprocess.Popen` has it too."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None:
        """None while it lives, else its exit code."""


class Adopted:
    """A process that is not a child of this one.

    Args:
        created: unix seconds, as psutil says
    """

    def __init__(self, pid: int, created: float) -> None:
        self._pid, self._created = pid, created
        self._code: int | None = None

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def returncode(self) -> int | None:
        return self._code

    def poll(self) -> int | None:
        if self._code is None and find_process(self._pid, self._created) is None:
            self._code = UNKNOWN
        return self._code
