"""A Ray cluster as an engine: each step a Ray task, its data through the DVC remote.

Ray finds the node, counts CPUs and GPUs, and begins a task anew elsewhere when its node dies. A
person's short steps stay on the node where the one before ran, which has their files; steps that
compute go to whichever node is free first.
"""

import logging
import os
import platform
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lipsync.dvc_lock import read_lock
from lipsync.errors import LipsyncError, first_line
from lipsync.files import atomic_path
from lipsync.running.exchange import check, fetch, share_inputs, write_lock
from lipsync.running.graph import Step, read_steps
from lipsync.running.local import log_folder, log_name, threads_environment, torch_threads
from lipsync.running.node import Delivery, Order, carry_out, node_folder
from lipsync.running.pack import pack, tracked_files
from lipsync.running.run import finish, run_people
from lipsync.running.scheduler import Ended, Share

RETRIES = 3  # of a step whose node died, before it counts as failed
PATIENCE = 10.0  # seconds for a cluster to answer
MANY = 10_000  # steps in flight; Ray lets those wait that have no room


class StepBoard:
    """An actor beside the driver: steps tell it how far they are, and learn whether to stop."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}
        self._shares: dict[str, Share] = {}
        self._stopping = False

    def begin(self, name: str) -> int:
        """How many times a step has begun, this one included."""
        self._begun[name] = self._begun.get(name, 0) + 1
        return self._begun[name]

    def tell(self, name: str, share: Share) -> bool:
        """Note how far a step is; whether it is still wanted."""
        self._shares[name] = share
        return not self._stopping

    def shares(self) -> dict[str, Share]:
        return self._shares

    def stop(self) -> None:
        self._stopping = True


def task(order: Order, archive: bytes, board: Any) -> tuple[str, Delivery]:
    """A step on a node, as Ray runs it; (Ray's id of the node, what became of it)."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    name, host = order.step.name, f"{platform.node()}/{node[:6]}"
    attempt = ray.get(board.begin.remote(name))

    def tell(share: Share) -> bool:
        return bool(ray.get(board.tell.remote(name, Share(share.share, share.left, host))))

    if not tell(Share()):
        return node, Delivery(130, "")
    return node, carry_out(order, archive, node_folder(node), attempt > 1, tell)


class Sent:
    """A step that Ray has."""

    def __init__(self, engine: "RayEngine", step: Step, reference: Any) -> None:
        self._engine, self._step, self._reference = engine, step, reference

    def ended(self) -> Ended | None:
        import ray

        ready, _ = ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            node, delivery = ray.get(self._reference)
        except ray.exceptions.RayError as error:  # its node died once too often, or a defect
            return Ended(1, f"ERROR: Ray: {first_line(error)}")
        return self._engine.take(self._step, node, delivery)

    def share(self) -> Share | None:
        return self._engine.shares().get(self._step.name)

    def stop(self) -> None:
        self._engine.stop()


class RayEngine:
    """Sends steps of a project to the cluster that ``ray.init`` has joined."""

    def __init__(self, project: Path, threads: int | None) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._project, self._logs = project, log_folder(project)
        self._threads = threads or torch_threads()
        self._nodes: dict[str, str] = {}  # person -> where the last step ran
        self._stopping = False
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._most_cpus = max((node.get("CPU", 0) for node in alive), default=0)
        self._gpus = any(node.get("GPU", 0) for node in alive)
        self._stay = NodeAffinitySchedulingStrategy
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._board: Any = (
            ray.remote(StepBoard).options(num_cpus=0, scheduling_strategy=here).remote()
        )
        self._task = ray.remote(task)
        self._archive: Any = None

    def has_room(self, step: Step) -> bool:
        return True

    def demands(self, step: Step) -> dict[str, Any]:
        """What a step asks of Ray: one that computes, a CPU for each thread, and a GPU if the
        cluster has any and compute.device lets it; any other, one CPU."""
        cpus = min(self._threads, max(1, self._most_cpus)) if step.computes else 1
        gpus = 1 if step.gpu and self._gpus else 0
        return {"num_cpus": cpus, "num_gpus": gpus, "max_retries": RETRIES}

    def begin(self, step: Step) -> Sent:
        import ray

        if self._archive is None:
            self._archive = ray.put(pack(self._project, tracked_files(self._project)))
        options = self.demands(step)
        if not step.computes and step.person in self._nodes:
            node = self._nodes[step.person]
            options["scheduling_strategy"] = self._stay(node, soft=True)
        entries = read_lock(self._project)
        needed = {step.name, *(item.step for item in step.inputs)}
        files = {item.path for item in step.inputs if not item.cached}
        variables = threads_environment(self._threads, crowded=True)
        scratch = os.environ.get("LIPSYNC_SCRATCH", "")
        if Path(scratch).is_absolute():  # a folder that all nodes mount, by what docs/scale.md says
            variables["LIPSYNC_SCRATCH"] = scratch
        order = Order(
            step,
            {name: entry for name, entry in entries.items() if name in needed},
            {name: (self._project / name).read_bytes() for name in files},
            variables,
        )
        return Sent(
            self, step, self._task.options(**options).remote(order, self._archive, self._board)
        )

    def take(self, step: Step, node: str, delivery: Delivery) -> Ended:
        """Put what came back where a `dvc repro` here would have put it, but for cached outs."""
        self._nodes[step.person] = node
        with atomic_path(self._logs / log_name(step)) as log:
            log.write_text(delivery.text)
        if delivery.code == 0:
            for name, content in delivery.files.items():
                with atomic_path(self._project / name) as path:
                    path.write_bytes(content)
            write_lock(self._project, step.name, delivery.lock)
        return Ended(delivery.code, delivery.text)

    def shares(self) -> dict[str, Share]:
        import ray

        return dict(ray.get(self._board.shares.remote()))

    def stop(self) -> None:
        import ray

        if not self._stopping:
            self._stopping = True
            ray.get(self._board.stop.remote())


def run_on_ray(
    project: Path, people: Sequence[str] | None, jobs: int | None, threads: int | None, address: str
) -> int:
    """On a cluster; the exit code. All results are here in the end.

    Raises LipsyncError without Ray, a cluster, a DVC remote, or something that nodes cannot get.
    """
    try:
        import ray
    except ImportError:
        raise LipsyncError(
            "--engine ray: Ray is not installed; `uv pip install -e '.[train,ray]'`, here and on "
            "every node"
        ) from None
    steps = read_steps(project, people, missing_is_stale=False)
    check(project, steps)
    share_inputs(project, steps)
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise LipsyncError(
            f"--address {address}: no Ray cluster: {first_line(error)}; begin one with "
            "`ray start --head`, and name it as HOST:6379"
        ) from None
    try:
        engine = RayEngine(project, threads)
        records, stopped = run_people(
            project,
            engine,
            lambda: read_steps(project, people, missing_is_stale=False),
            jobs or MANY,
            lambda: fetch(project, people),
        )
    finally:
        ray.shutdown()
    return finish(records, stopped, log_folder(project))


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at HOST:PORT; Ray would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
