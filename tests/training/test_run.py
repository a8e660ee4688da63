"""Whole runs, tiny: every experiment, resuming, the cache, errors."""

import csv
import json
from pathlib import Path

import pytest
import torch
from hydra.errors import ConfigCompositionException

from latent_inpaint.evaluation.after_training import train_and_evaluate
from latent_inpaint.losses.latent_l1 import LatentL1
from latent_inpaint.losses.objective import NonFiniteLossError
from latent_inpaint.models import load_model
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.checkpoints import initialise_from, network_weights
from latent_inpaint.training.run import build_model, train

EXPERIMENTS = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs(compose, experiment):
    run = train_and_evaluate(
        compose(experiment, "trainer.max_steps=1", "autoencoder.max_steps=1", "data.size=64")
    )
    assert {"config.yaml", "metrics.csv", "checkpoints", "samples", "model"} <= {
        p.name for p in run.iterdir()
    }
    saved = load_model(run / "model").state_dict()
    checkpoint = network_weights(run / "checkpoints" / "last.ckpt")
    assert saved.keys() == checkpoint.keys()
    assert all(torch.equal(saved[name], checkpoint[name]) for name in saved)
    assert (run / "samples" / "progress.png").is_file()
    if experiment != "autoencoder":
        rows = json.loads((run / "metrics.json").read_text())["rows"]
        ceiling = [] if experiment in ("fcf", "context_encoder") else ["autoencoder"]  # without a latent
        assert [row["method"] for row in rows] == [experiment, "mean", *ceiling]


@pytest.mark.parametrize("experiment", ["latent_control", "lama", "latent_full", "projected"])
def test_training_in_bfloat16(compose, experiment):
    settings = ["trainer.precision=bf16-mixed", "data.size=64", "trainer.log_every_n_steps=1"]
    run = train(compose(experiment, "trainer.max_steps=2", *settings))
    weights = load_model(run / "model").state_dict()
    assert all(w.dtype != torch.bfloat16 and w.isfinite().all() for w in weights.values())


def test_a_run_compares_with_no_method(compose):
    run = train_and_evaluate(compose("latent_control", "trainer.max_steps=1", "methods=[]"))
    rows = json.loads((run / "metrics.json").read_text())["rows"]
    assert [row["method"] for row in rows] == ["latent_control", "autoencoder"]


@pytest.mark.parametrize("experiment", ["latent_control", "baseline", "latent_full"])
def test_a_resumed_run_equals_an_uninterrupted_one(compose, experiment):
    whole = train(compose(experiment, "trainer.max_steps=6", "run_name=whole", "data.size=64"))
    half = train(compose(experiment, "trainer.max_steps=3", "run_name=half", "data.size=64"))
    last = half / "checkpoints" / "last.ckpt"
    again = train(compose(experiment, "trainer.max_steps=6", f"resume={last}", "data.size=64"))
    assert again == half.resolve()
    one, two = read_checkpoint(whole / "checkpoints" / "last.ckpt"), read_checkpoint(last)
    assert one["global_step"] == two["global_step"] == 6
    assert one["images_seen"] == two["images_seen"] == 12
    assert all(torch.equal(one["state_dict"][name], two["state_dict"][name]) for name in one["state_dict"])
    first, second = (state["optimizer_states"][0]["state"] for state in (one, two))
    assert all(torch.equal(first[i]["exp_avg_sq"], second[i]["exp_avg_sq"]) for i in first)


def test_every_term_is_logged_and_a_resumed_log_goes_on(compose, caplog):
    settings = ["trainer.log_every_n_steps=1"]
    run = train(compose("latent_control", "trainer.max_steps=2", *settings))
    caplog.clear()
    with caplog.at_level("INFO"):
        train(
            compose("latent_control", "trainer.max_steps=4", *settings, f"resume={run}/checkpoints/last.ckpt")
        )
    lines = [line.split(",")[0] for line in caplog.messages if line.startswith("Stage 2: inpainting: step")]
    assert lines == [f"Stage 2: inpainting: step {step} of 4" for step in (3, 4)]  # it goes on where it stood
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    terms = [int(row["step"]) for row in rows if row.get("train/latent_l1")]
    assert terms == [0, 1, 2, 3]
    wanted = {"train/loss", "val/ssim", "val/psnr", "val/l1_hole", "zero_conv_norm/3", "lr-Adam"}
    wanted |= {f"speed/{name}" for name in ("images_per_second", "data_wait_share", "cpu_seconds")}
    assert wanted <= set(rows[0])
    assert list((run / "tensorboard").glob("events.*"))


def test_the_curves_end_at_the_tables_values(compose):
    run = train_and_evaluate(compose("latent_control"))
    with (run / "metrics.csv").open(newline="") as file:
        last = [row for row in csv.DictReader(file) if row["val/fd_lite0"]][-1]
    final = json.loads((run / "metrics.json").read_text())["rows"][0]["metrics"]
    for name in ("ssim", "psnr", "l1_hole", "pd_lite0", "fd_lite0"):
        assert float(last[f"val/{name}"]) == pytest.approx(final[name], rel=2e-3)


def test_resume_refuses_another_network(compose):
    run = train(compose("latent_control"))
    with pytest.raises(ValueError, match="experiment_name is 'latent_control' in run and 'baseline' here"):
        train(compose("baseline", f"resume={run}/checkpoints/last.ckpt"))
    (run / "config.yaml").unlink()
    with pytest.raises(ValueError, match="of another network"):
        train(compose("baseline", f"resume={run}/checkpoints/last.ckpt"))
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        train(compose("baseline", "resume=nowhere.ckpt"))


def test_init_from_reports_what_does_not_fit(compose, tmp_path):
    run = train(compose("baseline"))
    cfg = compose("latent_control")
    model = build_model(cfg, None, resume=Path("unused"))
    missing, unexpected = initialise_from(model, run / "checkpoints" / "last.ckpt")
    assert any(name.startswith("guide.") for name in missing)
    assert any(name.startswith("guide.encoder.") for name in unexpected)
    trained = network_weights(run / "model")
    assert torch.equal(model.decoder.to_image.weight, trained["decoder.to_image.weight"])
    with pytest.raises(FileNotFoundError, match="no network in this folder"):
        initialise_from(model, tmp_path)
    torch.save({"weights": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match=r"weights named 'model\.…'"):
        initialise_from(model, tmp_path / "foreign.ckpt")


def test_a_nan_loss_names_its_term_and_keeps_the_batch(compose, monkeypatch):
    monkeypatch.setattr(LatentL1, "forward", lambda self, output: output.latent.sum() * float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"'latent_l1' is nan.*non_finite_batch.pt") as caught:
        train_and_evaluate(compose("latent_control"))
    path = str(caught.value).split()[-1]
    assert torch.load(path, weights_only=True)["image"].shape == (2, 3, 32, 32)


def test_unknown_keys_and_experiments_are_errors(compose):
    with pytest.raises(ConfigCompositionException):
        compose("latent_control", "model.nfg=4")
    with pytest.raises(Exception, match="Could not find 'experiment/latnt'"):
        compose("latnt")


def test_the_latent_rows_share_one_autoencoder(own_cache, compose):
    first = train(compose("latent"))
    cache = first.parents[1] / "cache" / "autoencoder"
    stamps = {p: p.stat().st_mtime_ns for p in cache.rglob("*.safetensors")}
    assert len(stamps) == 1
    train(compose("latent_control"))
    assert {p: p.stat().st_mtime_ns for p in cache.rglob("*.safetensors")} == stamps
    train(compose("latent_control", "autoencoder.max_steps=1", "run_name=other"))
    assert len(list(cache.rglob("*.safetensors"))) == 2


def test_autoencoder_from_a_path(compose, tmp_path):
    run = train(compose("autoencoder"))
    again = train(compose("latent_control", f"autoencoder.checkpoint={run}"))
    weights, source = network_weights(again / "model"), network_weights(run)
    assert torch.equal(weights["encoder.stem.conv.weight"], source["encoder.stem.conv.weight"])
    with pytest.raises(FileNotFoundError, match=r"autoencoder.checkpoint=nowhere: no such file"):
        train(compose("latent_control", "autoencoder.checkpoint=nowhere"))
    with pytest.raises(ValueError, match="weights are of another network"):
        train(compose("latent_control", f"autoencoder.checkpoint={run}", "model.ngf=4"))
