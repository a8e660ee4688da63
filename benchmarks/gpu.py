"""Training on a GPU: images a second, memory and the share of the peak, experiment by experiment."""

from __future__ import annotations

import gc
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from latent_inpaint.data import Batch
from latent_inpaint.files import write_json, write_text
from latent_inpaint.markdown import markdown_table
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.compiling import CompileRefiner
from latent_inpaint.training.config import register_resolvers
from latent_inpaint.training.dry_run import module_cost, training_modules
from latent_inpaint.training.fitting import be_quiet

CONF = Path(__file__).parent.parent / "conf"
EXPERIMENTS = ("baseline", "control", "latent", "latent_control", "lama", "flow")
PRECISIONS = {"float32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}
PEAKS = {
    "H100": {"float32": 66.9e12, "tf32": 494.7e12, "bf16": 989.4e12},
    "H200": {"float32": 66.9e12, "tf32": 494.7e12, "bf16": 989.4e12},
    "A100": {"float32": 19.5e12, "tf32": 156e12, "bf16": 312e12},
}
"""Dense operations per second, by the makers' data sheets."""
WARM_UP = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        experiment: of `conf/experiment`.
        precision: `float32`, `tf32` or `bf16`.
        channels_last: layout of weights and activations.
        compiled: the refiner by `torch.compile`.
    """

    experiment: str
    precision: str
    channels_last: bool = True
    compiled: bool = False


SETTINGS = [
    *(Setting(name, precision) for precision in ("tf32", "bf16") for name in EXPERIMENTS),
    Setting("latent_control", "float32"),
    Setting("latent_control", "bf16", channels_last=False),
    Setting("latent_control", "bf16", compiled=True),
]


class NoiseData(pl.LightningDataModule):
    """One batch of seeded noise with boxes as holes, again and again: nobody waits for data.

    Args:
        size: side of the pictures.
        batch_size: pictures in it.
    """

    def __init__(self, size: int, batch_size: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        image = torch.rand(batch_size, 3, size, size, generator=generator)
        mask = torch.zeros(batch_size, 1, size, size)
        mask[:, :, size // 4 : size // 2, size // 4 : 3 * size // 4] = 1
        if torch.cuda.is_available():
            image, mask = image.pin_memory(), mask.pin_memory()
        self.batch = Batch(image, mask, [str(index) for index in range(batch_size)])
        self.batch_size = batch_size

    def train_dataloader(self) -> Any:
        """Without end."""
        return _Endless(self.batch)

    def first_batches(self, count: int) -> list[Batch]:
        """For statistics: one is enough here."""
        return [self.batch][:count]


class _Endless:
    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.batch


class Stopwatch(Callback):
    """Seconds and peak memory of the steps after the first few.

    Args:
        seconds: to measure for, at least one step.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.steps, self.elapsed, self.peak = 0, 0.0, 0
        self._start = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Start after the warm-up; wait for the device now and then, and stop when the time is over."""
        if trainer.global_step < WARM_UP:
            return
        self.steps = trainer.global_step - WARM_UP
        if self.steps and self.steps % 8:
            return
        on_gpu = pl_module.device.type == "cuda"
        if on_gpu:
            torch.cuda.synchronize()
        if not self.steps:
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            self._start = time.perf_counter()
            return
        self.elapsed = time.perf_counter() - self._start
        self.peak = torch.cuda.max_memory_allocated() if on_gpu else 0
        trainer.should_stop = self.elapsed > self.seconds


def configuration(experiment: str, *overrides: str) -> DictConfig:
    """An experiment as `bin/train.py` composes it."""
    from hydra import compose, initialize_config_dir

    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[f"+experiment={experiment}", *overrides])


def training_module(cfg: DictConfig) -> TrainingModule:
    """The first stage's module with seeded weights."""
    torch.manual_seed(0)
    return next(iter(training_modules(cfg).values()))


def measure(setting: Setting, size: int, width: int, batch_size: int, seconds: float) -> dict[str, Any]:
    """Train some steps by the Trainer and say how fast that was.

    Args:
        setting: of what.
        size: side of the pictures.
        width: `model.ngf`.
        batch_size: pictures in a step.
        seconds: to measure for, after a warm-up.
    """
    sizes = [f"data.size={size}", f"data.batch_size={batch_size}", f"model.ngf={width}", "data=sample"]
    cfg = configuration(setting.experiment, *sizes, f"trainer.precision={PRECISIONS[setting.precision]}")
    module = training_module(cfg)
    if not setting.channels_last:
        module.to(memory_format=torch.contiguous_format)
    tf32 = setting.precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    watch = Stopwatch(seconds)
    trainer = pl.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=cfg.trainer.precision,
        max_steps=-1,
        max_epochs=-1,
        callbacks=[watch, *([CompileRefiner()] if setting.compiled else [])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, datamodule=NoiseData(size, batch_size))
    rate = watch.steps * batch_size / watch.elapsed
    cost = module_cost(cfg, training_module(cfg))
    return asdict(setting) | {
        "size": size,
        "width": width,
        "batch_size": batch_size,
        "images_per_second": rate,
        "gflops_per_image": cost.flops / 1e9,
        "share_of_peak": _share(rate * cost.flops, setting.precision),
        "peak_gib": watch.peak / 2**30,
        "estimated_gib": cost.peak / 2**30,
    }


def run_gpu(output: Path, size: int, width: int, batch_size: int, seconds: float) -> list[dict[str, Any]]:
    """Measure all settings; write `output` (JSON) and a table beside it after each, so that none is lost.

    Raises:
        RuntimeError: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("--gpu: PyTorch sees no CUDA device here (torch.cuda.is_available() is False)")
    be_quiet()
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    machine = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda}
    rows: list[dict[str, Any]] = []
    for setting in SETTINGS:
        try:
            rows.append(measure(setting, size, width, batch_size, seconds))
        except Exception as error:  # out of memory, a compiler that is not there: the others still count
            rows.append(asdict(setting) | {"error": f"{type(error).__name__}: {error}".splitlines()[0]})
        print(rows[-1], flush=True)
        write_json(output, {"machine": machine, "rows": rows})
        write_text(output.with_suffix(".md"), gpu_table(rows))
        gc.collect()
        torch.cuda.empty_cache()
    return rows


def gpu_table(rows: Sequence[dict[str, Any]]) -> str:
    """The measured rows in Markdown."""
    titles = ["experiment", "precision", "images/s", "share of the peak", "peak GiB", "estimated GiB"]
    lines = []
    for row in rows:
        notes = {"contiguous": not row["channels_last"], "compiled": row["compiled"]}
        precision = ", ".join([row["precision"], *(note for note, holds in notes.items() if holds)])
        if "error" in row:
            lines.append([f"`{row['experiment']}`", precision, row["error"], "–", "–", "–"])
            continue
        share = "–" if row["share_of_peak"] is None else f"{row['share_of_peak']:.0%}"
        memory = [f"{row[name]:.1f}" for name in ("peak_gib", "estimated_gib")]
        lines.append([f"`{row['experiment']}`", precision, f"{row['images_per_second']:.0f}", share, *memory])
    return markdown_table(titles, lines)


def _share(flops: float, precision: str) -> float | None:
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    found = [peaks[precision] for gpu, peaks in PEAKS.items() if gpu in name]
    return flops / found[0] if found else None
