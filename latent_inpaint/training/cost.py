"""How long a training takes on how many GPUs: computed from its operations, not measured.

The time of a step is the sum of three: operations at a share of the GPU's peak, which is what networks of
large convolutions and small FFTs reach; the all-reduce of the gradients, as if none of it were hidden behind
the backward pass; and two small messages for each synchronised batch norm, in each direction.
"""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig
from torch import nn

from latent_inpaint.markdown import markdown_table
from latent_inpaint.training.dry_run import step_cost, training_modules

SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class Machine:
    """What is assumed of the GPUs and what joins them.

    Attributes:
        name: for the table.
        peak_flops: dense operations per second in the precision of the training.
        utilisation: the share of the peak that a training step reaches.
        gpus_per_node: GPUs that the fast links join.
        node_bandwidth: bytes per second and GPU, within a node.
        network_bandwidth: bytes per second and GPU, between nodes.
        node_latency: seconds of a small message to all, within a node.
        network_latency: the same between nodes.
    """

    name: str = "A100, TF32"
    peak_flops: float = 156e12
    utilisation: float = 0.3
    gpus_per_node: int = 8
    node_bandwidth: float = 200e9
    network_bandwidth: float = 20e9
    node_latency: float = 30e-6
    network_latency: float = 80e-6


@dataclass(frozen=True)
class Training:
    """What a training asks for.

    Attributes:
        name: of the experiment.
        flops: of a step, forward and backward, per image.
        gradient_bytes: of the parameters that train.
        norms: batch norms that train, each synchronised.
        images: to be seen in all.
        batch_size: per GPU.
    """

    name: str
    flops: float
    gradient_bytes: float
    norms: int
    images: float
    batch_size: int = 10


def planned_training(cfg: DictConfig) -> Training:
    """What the training that `cfg` describes asks for."""
    cost = step_cost(cfg)
    modules = next(iter(training_modules(cfg).values())).modules()
    norms = sum(isinstance(module, nn.BatchNorm2d) and module.training for module in modules)
    steps = cfg.autoencoder.max_steps if cfg.training is None else cfg.trainer.max_steps
    images = steps * cost.batch_size
    return Training(cfg.experiment_name, cost.flops, cost.gradients, norms, images, cost.batch_size)


def images_per_second(training: Training, gpus: int, machine: Machine) -> float:
    """What `gpus` of a machine are expected to train together."""
    if gpus < 1:
        raise ValueError(f"gpus must be at least 1, got {gpus}")
    compute = training.flops * training.batch_size / (machine.peak_flops * machine.utilisation)
    if gpus == 1:
        return training.batch_size / compute
    within = gpus <= machine.gpus_per_node
    bandwidth = machine.node_bandwidth if within else machine.network_bandwidth
    latency = machine.node_latency if within else machine.network_latency
    gradients = 2 * (gpus - 1) / gpus * training.gradient_bytes / bandwidth  # a ring's all-reduce
    statistics = 2 * 2 * training.norms * latency
    return gpus * training.batch_size / (compute + gradients + statistics)


def markdown(trainings: list[Training], machine: Machine, counts: tuple[int, ...] = (1, 8, 64)) -> str:
    """A table of images per second and days, one row a training, and the assumptions under it."""
    titles = [f"{count} GPU{'s' if count > 1 else ''}" for count in counts]
    rows = []
    for training in trainings:
        speeds = [images_per_second(training, count, machine) for count in counts]
        cells = [f"{speed:,.0f}/s, {_duration(training.images / speed)}" for speed in speeds]
        flops, images = f"{training.flops / 1e9:,.0f}", f"{training.images / 1e6:.0f} M"
        rows.append([f"`{training.name}`", flops, images, *cells])
    table = markdown_table(["experiment", "GFLOPs/image", "images", *titles], rows)
    return f"{table}\n{_assumptions(machine)}"


def _duration(seconds: float) -> str:
    days = seconds / SECONDS_PER_DAY
    return f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} h"


def _assumptions(machine: Machine) -> str:
    fast, slow = (f"{rate / 1e9:.0f}" for rate in (machine.node_bandwidth, machine.network_bandwidth))
    soon, late = (f"{seconds * 1e6:.0f}" for seconds in (machine.node_latency, machine.network_latency))
    return (
        f"Computed, not measured. {machine.name}: {machine.utilisation:.0%} of a peak of "
        f"{machine.peak_flops / 1e12:.0f} TFLOP/s. Gradients are all-reduced at {fast} GB/s within a node of "
        f"{machine.gpus_per_node} and {slow} GB/s between nodes, not hidden behind the backward pass; {soon} "
        f"and {late} µs for each message of a synchronised batch norm. Data are never waited for. "
        "The number of images is the same whatever the number of GPUs."
    )
