"""Resuming by a run's own configuration; a changed training is refused, a longer one goes on."""

import pytest
from omegaconf import OmegaConf

from latent_inpaint.evaluation.after_training import train_and_evaluate
from latent_inpaint.training.resuming import checkpoint_of, resumed_config, save_config
from latent_inpaint.training.run import train


@pytest.fixture
def run(compose, monkeypatch):
    return train(compose("latent_control", "losses.latent_l1.weight=2"))


def resumed(compose, run, *overrides):
    """The configuration of `train resume=RUN …` without an experiment."""
    cfg = compose("latent_control", f"resume={run}", *overrides)
    return resumed_config(cfg, [f"resume={run}", *overrides])


def test_a_run_alone_goes_on_by_its_own_configuration(compose, run, monkeypatch):
    cfg = resumed(compose, run, "trainer.max_steps=4", "data.num_workers=1")
    assert cfg.losses.latent_l1.weight == 2 and cfg.model.ngf == 2
    assert train(cfg) == run.resolve()
    written = OmegaConf.load(run / "config.yaml")
    assert written.trainer.max_steps == 4 and written.losses.latent_l1.weight == 2
    assert written.run_name == "run" and written.data_name == "folder"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("losses.latent_l1.weight=5", r"resume: losses\.latent_l1\.weight is 2 in run and 5 here"),
        ("training.optimizer.lr=0.1", r"training\.optimizer\.lr is 0\.003 in run and 0\.1 here: that"),
        ("seed=3", "resume: .*seed is 0 in run and 3 here"),
        ("+training.scheduler.T_max=5", r"training\.scheduler"),
        ("losses=[pixel_l1]", r"losses\.latent_l1"),
    ],
)
def test_what_would_train_otherwise_is_refused(compose, run, override, message):
    with pytest.raises(ValueError, match=message):
        train(resumed(compose, run, override))


def test_a_schedule_over_all_steps_cannot_be_made_longer(compose, monkeypatch):
    target = "_target_: torch.optim.lr_scheduler.CosineAnnealingLR"
    cosine = "{" + target + ", _partial_: true, T_max: '${trainer.max_steps}'}"
    run = train(compose("latent_control", f"training.scheduler={cosine}"))
    with pytest.raises(
        ValueError, match=r"T_max is 2 in run and 4 here \(it follows from trainer\.max_steps"
    ):
        train(resumed(compose, run, "trainer.max_steps=4"))


def test_another_experiment_is_refused(compose, run):
    with pytest.raises(ValueError, match="it is a run of latent_control, not of experiment=baseline"):
        resumed_config(compose("baseline", f"resume={run}"), ["experiment=baseline"])
    with pytest.raises(ValueError, match="experiment_name is 'latent_control' in run and 'baseline' here"):
        train(compose("baseline", f"resume={run}"))


def test_a_finished_run_says_so(compose, run, monkeypatch, caplog):
    with caplog.at_level("INFO"):
        train(resumed(compose, run))
    assert "is finished: there is nothing to train" in caplog.text


def test_a_finished_run_is_not_evaluated_again(compose, caplog):
    run = train_and_evaluate(compose("latent_control"))
    written = (run / "metrics.json").stat().st_mtime_ns
    with caplog.at_level("INFO"):
        train_and_evaluate(resumed(compose, run))
    assert "has the metrics of these weights" in caplog.text
    assert (run / "metrics.json").stat().st_mtime_ns == written
    with caplog.at_level("INFO"):
        train_and_evaluate(resumed(compose, run, "trainer.max_steps=3"))
    assert (run / "metrics.json").stat().st_mtime_ns > written


def test_pictures_are_listed_once_for_both_stages(compose, caplog, own_cache):
    with caplog.at_level("INFO"):
        train(compose("latent", "autoencoder.max_steps=1"))
    assert caplog.text.count("training, ") == 1


def test_what_is_not_there_is_said(tmp_path, compose):
    with pytest.raises(FileNotFoundError, match="expected a run's folder or its checkpoints/last.ckpt"):
        checkpoint_of(str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(FileNotFoundError, match=r"has no config\.yaml"):
        resumed_config(compose("latent_control", f"resume={tmp_path}"), [])
    save_config(compose("latent_control"), tmp_path)
    assert resumed_config(compose("latent_control", f"resume={tmp_path}"), []).seed == 0


def test_fewer_steps_are_refused_and_a_finished_run_stays_as_it_is(compose, run):
    written = (run / "config.yaml").read_text()
    with pytest.raises(ValueError, match=r"trainer\.max_steps may only grow, got 1, 2 in run"):
        train(resumed(compose, run, "trainer.max_steps=1"))
    assert (run / "config.yaml").read_text() == written
    sheets = {path: path.stat().st_mtime_ns for path in (run / "samples").glob("step_*.png")}
    train(resumed(compose, run, "trainer.max_steps=3"))
    assert sheets and all(path.stat().st_mtime_ns == time for path, time in sheets.items())
