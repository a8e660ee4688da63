"""Where a run's results go, and what is read from there again."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from latent_inpaint.files import new_folder
from latent_inpaint.training.resuming import AUTO, LAST, check_same_training, checkpoint_of, save_config


def checkpoint_to_resume(cfg: DictConfig) -> Path | None:
    """The checkpoint of `resume`; with `auto` that in the folder of this `run_name`, if there is one.

    Raises:
        FileNotFoundError: the checkpoint to resume from is not there.
    """
    if cfg.resume is None:
        return None
    if cfg.resume == AUTO:
        last = _named_folder(cfg) / LAST
        return last if last.is_file() else None
    return checkpoint_of(cfg.resume)


def run_folder(cfg: DictConfig, resume: Path | None) -> Path:
    """A new folder `outputs/<experiment>/<run>` with its `config.yaml`, or the folder of the run resumed.

    Raises:
        ValueError: what was resumed is another training than `cfg` describes.
    """
    if resume is not None:
        run = resume.resolve().parent.parent
        check_same_training(cfg, run)
    elif cfg.resume == AUTO:  # the folder of a run that was stopped before its first checkpoint is used again
        run = _named_folder(cfg)
        run.mkdir(parents=True, exist_ok=True)
        (run / "metrics.csv").unlink(missing_ok=True)
    else:
        run = new_folder(_named_folder(cfg))
    save_config(cfg, run)
    return run


def begun_folder(cfg: DictConfig, since: float) -> Path | None:
    """The folder that a run of `cfg` works in, begun at `since` (of `time.time`); None before it made one."""
    if cfg.resume not in (None, AUTO):
        run = checkpoint_of(cfg.resume).resolve().parent.parent
        return None if (run / "metrics.json").is_file() else run  # what was finished has not failed
    named = _named_folder(cfg)
    begun = [
        path
        for path in (named / "config.yaml", *named.parent.glob(f"{named.name}-*/config.yaml"))
        if path.is_file() and path.stat().st_mtime >= since
    ]
    return max(begun, key=lambda path: path.stat().st_mtime).parent if begun else None


def _named_folder(cfg: DictConfig) -> Path:
    return Path(cfg.paths.outputs) / cfg.experiment_name / str(cfg.run_name)
