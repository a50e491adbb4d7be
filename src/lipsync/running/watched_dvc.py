"""DVC that ends with the process that started it.

    python -m lipsync.running.watched_dvc PID repro -s train_generator@alice

When PID is gone (killed, out of memory, a node that a cluster gave up), DVC is ended, and the
stage, which watches DVC (`lipsync.parent_watchdog`), writes its checkpoint and ends too. Otherwise
a training that nobody waits for would keep its cores, and its successor from the checkpoints.
"""

import os
import signal
import sys
import threading
import time

INTERVAL = 1.0  # seconds between two looks


def watch(parent: int) -> None:
    """Return when ``parent`` is not the parent any more; then SIGTERM to this process."""
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    parent, arguments = int(sys.argv[1]), sys.argv[2:]
    # Ray blocks SIGINT in all that it starts, a shell ignores it in what runs in the background,
    # and children inherit both: no training would hear that it shall stop.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=watch, args=(parent,), name="parent watchdog", daemon=True).start()
    from dvc.cli import main as dvc

    sys.argv = ["dvc", *arguments]  # what DVC notes of who holds a lock
    return int(dvc(arguments))


if __name__ == "__main__":
    sys.exit(main())
