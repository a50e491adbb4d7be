"""A training stage in as many processes as there are GPUs.

``torchrun --nproc-per-node 2 stages/train_generator.py alice`` starts it in two. So that ``dvc
repro`` uses all GPUs too, a stage that nobody numbered starts itself again, by what torchrun is
made of. How many processes is an environment variable, LIPSYNC_PROCESSES, and no param: it is a
property of the machine and decides no result, so neither DVC nor a fingerprint may see it.
"""

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from lipsync.errors import LipsyncError
from lipsync.params import PersonParams
from lipsync.training.device import gpus
from lipsync.training.distributed import EXIT_PEER_LOST, numbered, process_group
from lipsync.training.loop import INTERRUPTED
from lipsync.training.params import ComputeParams

VARIABLE = "LIPSYNC_PROCESSES"
# Seconds that a batch, or the figures of an epoch, and a checkpoint may take after Ctrl+C.
TO_STOP = 3600

Run = Callable[[PersonParams], None]


def several_processes(most: Callable[[PersonParams], int]) -> Callable[[Run], Run]:
    """Let a stage's function run in several processes.

    most: into how many parts a batch can be divided; without LIPSYNC_PROCESSES there are no more
        processes than that
    """

    def decorate(run: Run) -> Run:
        @functools.wraps(run)
        def wrapper(params: PersonParams) -> None:
            wanted = 1 if numbered() else processes(gpus(params[ComputeParams]), most(params))
            if wanted > 1:
                launch(wanted)
            else:
                with process_group():
                    run(params)

        return wrapper

    return decorate


def processes(devices: int, most: int) -> int:
    """How many processes to start: as LIPSYNC_PROCESSES says, or one a GPU, at most ``most``.

    devices: GPUs that may be used; 0 where there is none
    """
    wanted = os.environ.get(VARIABLE) or "auto"
    if wanted == "auto":
        return max(1, min(devices, most))
    if not wanted.isdecimal() or int(wanted) < 1:
        raise LipsyncError(f"{VARIABLE}: {wanted!r} should be auto or a number from 1")
    return int(wanted)


def launch(count: int) -> None:
    """Run this very command in ``count`` processes and end as they do.

    Ctrl+C and SIGTERM are handed on to them once each.

    Raises:
        LipsyncError: a process was killed.
        SystemExit: with 130 when they were stopped, with 1 when one of them said what is wrong.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # of torchrun's part; the ranks say what there is to say
    # As torchrun does, but sharing out all cores: else each process would start a thread a core.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(os.getpid()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGINT",
        shutdown_timeout=TO_STOP,
    )
    try:
        elastic_launch(config, sys.executable)(*sys.argv)
    except SignalException:
        _leave(INTERRUPTED)
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        if INTERRUPTED in codes.values():
            raise SystemExit(INTERRUPTED) from None
        if any(code > 0 and code != EXIT_PEER_LOST for code in codes.values()):
            raise SystemExit(1) from None
        # Torchrun ends the others with SIGTERM.
        rank, code = min(codes.items(), key=lambda item: (item[1] == -signal.SIGTERM, item[1]))
        raise LipsyncError(
            f"process {rank} of {count} was killed by signal {-code} (is memory short?), so all "
            "end; `dvc repro` goes on from the last checkpoint"
        ) from None


def _leave(code: int) -> NoReturn:
    """End this process at once, without Python's own shutdown.

    After a signal torch's elastic agent leaves its rendezvous open, with a thread that keeps it
    alive. Where that thread returns from C++ while the interpreter shuts down, the process is
    aborted (SIGABRT in place of the exit code), now and then on a busy machine.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
