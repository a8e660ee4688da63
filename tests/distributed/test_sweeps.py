"""Sweeps: the configurations of launchers and sweepers, failed jobs, their summary."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from tiny import TINY

from latent_inpaint.evaluation.after_training import optimized_value
from latent_inpaint.evaluation.files import write_rows
from latent_inpaint.evaluation.summary import markdown_summary, without_results
from latent_inpaint.training.config import register_resolvers

ROOT = Path(__file__).parents[2]
SETTINGS = [*TINY, "trainer.max_steps=2"]
PLUGINS = {
    "hydra/launcher=cores": "hydra_plugins.hydra_joblib_launcher",
    "hydra/launcher=slurm": "hydra_plugins.hydra_submitit_launcher",
    "hydra/launcher=slurm_here": "hydra_plugins.hydra_submitit_launcher",
    "hydra/launcher=ray_cluster": "hydra_plugins.hydra_ray_launcher",
    "+sweep=optuna": "hydra_plugins.hydra_optuna_sweeper",
    "+sweep=optuna_losses": "hydra_plugins.hydra_optuna_sweeper",
}


@pytest.mark.parametrize("override", PLUGINS)
def test_every_launcher_and_sweeper_composes(override):
    pytest.importorskip(PLUGINS[override], reason="an optional extra")
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = hydra_compose("train", ["+experiment=latent_full", override], return_hydra_config=True)
    group = cfg.hydra.sweeper if "optuna" in override else cfg.hydra.launcher
    assert group._target_.startswith(PLUGINS[override])
    for key in cfg.hydra.sweeper.params or {}:
        node = cfg
        for part in key.split("."):
            node = node[part]
        assert isinstance(node, float), key


def test_a_summary_names_the_runs_without_results(tmp_path):
    row = {"method": "latent", "metrics": {"ssim": 0.5}, "card": {}}
    for name in ("done", "stopped", "autoencoder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    write_rows(tmp_path / "done" / "metrics.json", [row])
    (tmp_path / "autoencoder" / "model").mkdir()
    (tmp_path / "sweeps" / "3").mkdir(parents=True)
    (tmp_path / "sweeps" / "3" / "error.txt").write_text("out of memory  [seed=1]\n")
    lines = without_results(tmp_path)
    assert lines == [
        "stopped: no results (stopped, or not done yet)",
        "sweeps/3: failed: out of memory  [seed=1]",
    ]
    assert markdown_summary([], lines).endswith("- sweeps/3: failed: out of memory  [seed=1]\n")


def test_what_a_sweeper_optimises(compose, tmp_path):
    write_rows(
        tmp_path / "metrics.json", [{"method": "x", "metrics": {"ssim": 0.5, "fid": None}, "card": {}}]
    )
    cfg = compose("latent_control")
    assert optimized_value(cfg, tmp_path) is None
    assert optimized_value(compose("latent_control", "+optimized_metric=ssim"), tmp_path) == 0.5
    with pytest.raises(ValueError, match="optimized_metric: expected one of ssim, got 'fid'"):
        optimized_value(compose("latent_control", "+optimized_metric=fid"), tmp_path)


def sweep(pictures, tmp_path, *overrides):
    """A sweep over a folder with pictures and one that is missing, then its summary."""
    command = [sys.executable, str(ROOT / "bin" / "train.py"), "-m", "+experiment=latent_control", *SETTINGS]
    command += [f"paths.outputs={tmp_path}", f"data.root={tmp_path / 'missing'},{pictures}", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    summary = [sys.executable, str(ROOT / "bin" / "summarize.py"), str(tmp_path)]
    return done, subprocess.run(summary, capture_output=True, text=True, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "cores", "slurm_here", "ray_cluster"])
def test_a_failed_job_does_not_end_the_sweep(pictures, tmp_path, launcher):
    overrides = [f"hydra/launcher={launcher}"]
    if launcher != "basic":
        pytest.importorskip(PLUGINS[overrides[0]], reason="an optional extra")
    if launcher == "ray_cluster":
        settings = {"init.address": "null", "remote.num_gpus": 0, "remote.num_cpus": 1}
        local = {"init.include_dashboard": "false", "init._node_ip_address": "127.0.0.1"}
        overrides += [f"hydra.launcher.ray.{key}={value}" for key, value in settings.items()]
        overrides += [f"+hydra.launcher.ray.{key}={value}" for key, value in local.items()]
    done, summary = sweep(pictures, tmp_path, *overrides)
    assert done.returncode == 1 and "data.root: expected a folder with pictures" in done.stderr
    assert summary.returncode == 0, summary.stderr
    assert len(list((tmp_path / "latent_control").glob("*/metrics.json"))) == 1
    assert "/0: failed: data.root: expected a folder with pictures" in summary.stdout
    assert "latent_control, latent_control/" in (tmp_path / "summary.md").read_text()


@pytest.mark.slow
def test_two_trials_of_optuna(pictures, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="an optional extra")
    command = [
        sys.executable,
        str(ROOT / "bin" / "train.py"),
        "-m",
        "+experiment=latent_full",
        "+sweep=optuna_losses",
    ]
    command += [*SETTINGS, "data.size=64", f"data.root={pictures}", f"paths.outputs={tmp_path}"]
    command += ["hydra.sweeper.n_trials=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "losses.lpl.weight" in next(tmp_path.rglob("optimization_results.yaml")).read_text()
