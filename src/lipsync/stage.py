"""What every stage script shares: the person argument, params, errors for people.

A stage script is a function of a person's params::

    @stage
    def extract_frames(params: PersonParams) -> None: ...

    if __name__ == "__main__":
        extract_frames()

run as ``python stages/extract_frames.py alice``, which `stages/run` does for DVC, with the right
Python. Paths are relative to the working directory, which DVC sets to the project's folder. A
LipsyncError becomes one line on stderr and exit code 1.
"""

import argparse
import errno
import functools
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import LipsyncError, printable
from lipsync.params import Params, PersonParams, load_params
from lipsync.parent_watchdog import ends_with_parent

MENDABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS}  # of the disk
PARAMS_FILE = Path("params.yaml")


class _Line(logging.Formatter):
    """``warning: <message>``"""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {super().format(record)}"


@contextmanager
def errors_for_people(name: str) -> Iterator[None]:
    """Print what people can mend as ``<name>: <one line>`` and exit with 1; with 130 on Ctrl+C.

    What is logged where nobody set up logging comes as ``warning: <one line>``.
    """
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Line())
    try:
        yield
    except LipsyncError as error:
        print(printable(f"{name}: {error}"), file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        where = error.filename or "a file"
        problem = f"{name}: {where}: {error.strerror}; make room or check the folder"
        print(printable(problem), file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print(f"{name}: stopped; run it again to go on", file=sys.stderr)
        raise SystemExit(130) from None


@contextmanager
def writing_command(name: str) -> Iterator[None]:
    """``errors_for_people``; SIGTERM too leaves nothing half made, as Ctrl+C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with errors_for_people(name):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stage(run: Callable[[PersonParams], None]) -> Callable[[], None]:
    """Make a command-line script of a function of a person's params."""

    @functools.wraps(run)
    def main() -> None:
        parser = argparse.ArgumentParser(description=sys.modules[run.__module__].__doc__)
        parser.add_argument("person", help="a name under `people` in params.yaml")
        arguments = parser.parse_args()
        with errors_for_people(f"{run.__name__}@{arguments.person}"), ends_with_parent():
            run(load_params(PARAMS_FILE).for_person(arguments.person))

    return main


def shared_stage(run: Callable[[Params], None]) -> Callable[[], None]:
    """As ``stage``, of a stage that runs once for all people: ``python stages/train_base.py``."""

    @functools.wraps(run)
    def main() -> None:
        argparse.ArgumentParser(description=sys.modules[run.__module__].__doc__).parse_args()
        with errors_for_people(run.__name__), ends_with_parent():
            run(load_params(PARAMS_FILE))

    return main
