"""The last phase: other parts train, by other losses, from the averaged weights on."""

import csv

import pytest
import torch
from hydra.utils import instantiate

from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.dry_run import dry_run, step_cost
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


SCHEDULED = ["training.scheduler.milestones=[2]"]


@pytest.mark.parametrize("stop", [3, 4])
@pytest.mark.parametrize(
    ("experiment", "options"),
    [
        ("latent_control", []),
        ("latent_control", ["training.fixed_statistics_after=2"]),
        ("latent_control", ["training.last_phase.fixed_statistics=false"]),
        ("latent_control_plus", SCHEDULED),
    ],
)
def test_a_run_resumed_at_or_in_it_ends_alike(trained, experiment, options, stop):
    """The frozen statistics of the decoder's norms too."""
    phase = PHASE if experiment == "latent_control" else PHASE[1:]
    whole, _ = trained(experiment, "whole", 6, *phase, *options)
    _, folder = trained(experiment, "halves", stop, *phase, *options)
    halves, _ = trained(experiment, "halves", 6, *phase, *options, f"resume={folder}/checkpoints/last.ckpt")
    for name, tensor in whole.items():
        if not name.endswith("num_batches_tracked"):  # a run that ends measures its statistics once more
            assert torch.equal(tensor, halves[name]), name


def test_one_that_is_given_to_a_run_later_begins_with_the_average_too(trained):
    """The groups of the optimizer fit where the parts trained before."""
    began = ["training.last_phase.trainable=[refiner]", "training.last_phase.after=3"]
    before, folder = trained("latent_control", "late", 4)
    after, _ = trained(
        "latent_control", "late", 5, PHASE[0], *began, f"resume={folder}/checkpoints/last.ckpt"
    )
    zero_convs = [name for name in before if "zero_convs" in name and name.endswith("weight")]
    assert zero_convs
    for name in zero_convs:
        assert torch.equal(after[name], before[name]), name


def test_its_learning_rate_is_its_own(compose):
    cfg = compose("latent_control_plus")
    model = build_model(cfg, instantiate(cfg.data), resume=None)
    [optimizer], [schedule] = instantiate(cfg.training, model=model, losses=cfg.losses).configure_optimizers()

    def rates(part):
        groups = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        return {groups.get(id(p)) for p in part.parameters()}

    assert (rates(model.refiner), rates(model.decoder)) == ({0.003}, {0.003 * 3.33})
    for _ in range(5000):
        optimizer.step()
        schedule["scheduler"].step()
    assert list(rates(model.refiner)) == [pytest.approx(0.0009)]
    assert list(rates(model.decoder)) == [pytest.approx(0.003, rel=0.01)]
    assert rates(model.encoder) == {None}


def test_the_recipe_works_without_it(compose):
    cfg = compose("latent_control_plus", "training.last_phase=null")
    module = instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)
    assert not module.last_phase_begins
    assert not any(p.requires_grad for p in module.model.decoder.parameters())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.last_phase.after=0", "after must be an integer from 1 up, got 0"),
        ("training.last_phase.after=null", "after must be an integer from 1 up, got None"),
        ("training.last_phase.trainable=[nothing]", r"last_phase\.trainable must name parts of the network"),
        ("training.last_phase.rate_factor=0", "rate_factor must be above 0 and finite, got 0"),
        ("training.last_phase.losses.pixel_l1.weight=0", "an objective needs a term of positive weight"),
    ],
)
def test_refuses(compose, override, message):
    cfg = compose("latent_control", *PHASE, override)
    with pytest.raises(Exception, match=message):
        instantiate(cfg.training, model=instantiate(cfg.model.network), losses=cfg.losses)


def test_is_refused_before_stage_1(compose, monkeypatch):
    """In several processes, and where it has no losses."""
    monkeypatch.setattr("latent_inpaint.training.run.build_model", pytest.fail)
    for override, message in {
        "training.last_phase.trainable=[nothing]": r"last_phase\.trainable must name parts",
        "training.last_phase=decoder": r"choose it by \+last_phase=decoder",
    }.items():
        with pytest.raises(Exception, match=message):
            train(compose("latent_control", *PHASE, override))
    with pytest.raises(
        Exception, match="training.last_phase.losses: an objective needs a term of positive weight"
    ):
        train(compose("latent_control", *PHASE, "training.last_phase.losses.pixel_l1.weight=0"))
    monkeypatch.setattr("latent_inpaint.training.run.n_processes", lambda: 2)
    with pytest.raises(ValueError, match="last_phase: needs one process"):
        train(compose("latent_control", *PHASE))


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            "latent_l1",
            r"training\.last_phase\.losses: no term depends on the parts that train, \['decoder'\]",
        ),
        (
            "latent_adversarial",
            r"training\.last_phase\.losses\.adversarial: Adversarial needs a discriminator",
        ),
    ],
)
def test_losses_that_cannot_train_it_are_named(trained, losses, message):
    with pytest.raises(ValueError, match=message):
        trained("latent_control", "bad", 6, *PHASE, f"losses@training.last_phase.losses={losses}")


def test_stage_1_has_none(compose):
    with pytest.raises(ValueError, match="nothing to add to, stage 1 alone"):
        train(compose("autoencoder", "+last_phase=decoder"))


def test_says_that_a_run_ends_before_it(trained, caplog):
    trained("latent_control", "short", 3, *PHASE)
    assert "training.last_phase.after=3: this run ends before" in caplog.text


def test_a_dry_run_counts_it_apart(compose):
    cfg = compose("latent_control", *PHASE)
    decoder = instantiate(cfg.model.network).decoder
    assert step_cost(cfg, last_phase=True).trainable == sum(p.numel() for p in decoder.parameters())
    assert "in its last phase" in dry_run(cfg)
    assert "in its last phase" not in dry_run(compose("latent_control"))
