"""The last phase: other parts train, by other losses, from the averaged weights on."""

import csv

import pytest
import torch
from hydra.utils import instantiate

from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.run import build_model, train

PHASE = ["+last_phase=decoder", "training.last_phase.after=3"]
OFTEN = ["trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]


@pytest.fixture
def trained(compose, monkeypatch):
    """Train an experiment for some steps, and give the weights that it saved and its folder."""
    monkeypatch.setattr("latent_inpaint.training.run.evaluate", lambda *_: None)

    def run(experiment, name, steps, *overrides):
        cfg = compose(experiment, f"trainer.max_steps={steps}", *OFTEN, *overrides)
        cfg.run_name = name
        folder = train(cfg)
        return network_weights(folder / "checkpoints" / "last.ckpt"), folder

    return run


@pytest.mark.parametrize("average", ["", "null"])
@pytest.mark.parametrize("experiment", ["latent_control", "latent_control_sharp"])
def test_only_the_decoder_trains_and_the_refiner_is_the_averaged_one(experiment, average, trained):
    options = [f"training.average={average}"] if average else []
    before, _ = trained(experiment, "before", 3, *options)
    after, folder = trained(experiment, "after", 6, *PHASE, *options)
    for name, tensor in after.items():
        if not name.startswith("decoder.") or "running" in name or "tracked" in name:
            assert torch.equal(tensor, before[name]), name
        elif name.endswith("conv.weight"):
            assert not torch.equal(tensor, before[name]), name
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    logged = {key: [int(row["step"]) for row in rows if row.get(key)] for key in rows[0]}
    assert max(logged["train/latent_l1"]) == 2 and min(logged["train/pixel_l1"]) == 3
    assert max(logged["val/pixel_l1"]) == 5


@pytest.mark.parametrize("stop", [3, 4])
def test_a_run_resumed_at_or_in_it_ends_alike(trained, stop):
    """The frozen statistics of the decoder's norms too."""
    whole, _ = trained("latent_control", "whole", 6, *PHASE)
    _, folder = trained("latent_control", "halves", stop, *PHASE)
    halves, _ = trained("latent_control", "halves", 6, *PHASE, f"resume={folder}/checkpoints/last.ckpt")
    for name, tensor in whole.items():
        if not name.endswith("num_batches_tracked"):  # a run that ends measures its statistics once more
            assert torch.equal(tensor, halves[name]), name


def test_its_learning_rate_is_its_own(compose):
    cfg = compose("latent_control", *PHASE)
    model = build_model(cfg, instantiate(cfg.data), resume=None)
    optimizer = instantiate(cfg.training, model=model, losses=cfg.losses).configure_optimizers()
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in model.refiner.parameters()} == {0.003}
    assert {rates[id(p)] for p in model.decoder.parameters()} == {0.003 * 0.33}
    assert not any(id(p) in rates for p in model.encoder.parameters())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.last_phase.after=0", "last_phase.after must be at least 1, got 0"),
        ("training.last_phase.trainable=[nothing]", "trainable must name parts of the network"),
        ("training.last_phase.losses.pixel_l1.weight=0", "an objective needs a term of positive weight"),
    ],
)
def test_refuses(compose, override, message):
    cfg = compose("latent_control", *PHASE, override)
    with pytest.raises(Exception, match=message):
        instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)


def test_refuses_several_processes(compose, monkeypatch):
    cfg = compose("latent_control", *PHASE)
    module = instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)
    monkeypatch.setattr(type(module), "trainer", type("Trainer", (), {"world_size": 2})())
    with pytest.raises(ValueError, match="last_phase needs one process"):
        module.on_fit_start()
