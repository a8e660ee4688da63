"""Starts the processes of a training on several devices of this machine, by torchrun. Imports little."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from latent_inpaint.exits import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from omegaconf import DictConfig


def run_in_processes(trainer: DictConfig) -> bool:
    """Run `latent-inpaint train` with this job's overrides in as many processes as it wants; False for one.

    Each of them calls this function again. SIGTERM is passed on and ends this process with status 143, Ctrl-C
    with 130. If one process fails the others are stopped.

    Args:
        trainer: the configuration's group `trainer`.

    Raises:
        RuntimeError: a process failed.
        ValueError: several nodes, which only srun or torchrun can start.
    """
    count = processes_to_start(trainer)
    if not count:
        return False
    from hydra.core.hydra_config import HydraConfig

    job = HydraConfig.get()
    folders = [
        f"--config-dir={source.path}"
        for source in job.runtime.config_sources
        if source.provider == "command-line"
    ]
    status = _torchrun(count, ["-m", "latent_inpaint", "train", *folders, *job.overrides.task])
    if status in (TERMINATED, INTERRUPTED):
        sys.exit(status)
    if status:
        raise RuntimeError(f"training in {count} processes failed; the first error above is the cause")
    return True


def processes_to_start(trainer: DictConfig, environment: Mapping[str, str] = os.environ) -> int:
    """How many processes this one must start; 0 where it trains itself.

    Raises:
        ValueError: several nodes, which only srun or torchrun can start.
    """
    started = "TORCHELASTIC_RUN_ID" in environment or int(environment.get("SLURM_NTASKS", 1)) > 1
    if trainer.get("strategy") is None or started:
        return 0
    if trainer.get("num_nodes", 1) > 1:
        raise ValueError(
            f"trainer.num_nodes={trainer.num_nodes}: start this command on every node, by srun or torchrun"
        )
    count = _n_devices(trainer.devices, trainer.accelerator)
    return count if count > 1 else 0


def _torchrun(count: int, command: Sequence[str]) -> int:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    threads = str(max(1, (os.cpu_count() or 1) // count))
    process = subprocess.Popen([*torchrun, *command], env={"OMP_NUM_THREADS": threads, **os.environ})
    received: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + received[0] if received else status


def _n_devices(devices: Any, accelerator: str) -> int:
    if not isinstance(devices, (int, str)):
        return len(devices)
    if str(devices) not in ("auto", "-1"):
        return int(devices)
    import torch

    return 1 if accelerator == "cpu" else max(1, torch.cuda.device_count())
