"""Stages: each starts from what the one before saved, with parts, losses and rates of its own."""

import csv

import pytest
import torch

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.dry_run import dry_run, training_modules
from latent_inpaint.training.run import train
from latent_inpaint.training.stages import copied, hand_over, planned_stages, stage_to_resume

DECODER = ["+stages=decoder", "stages.inpainting.max_steps=3", "stages.decoder.max_steps=3"]
OFTEN = ["trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]


@pytest.fixture
def trained(compose, monkeypatch):
    """Train an experiment, and give the weights that it saved and its folder."""

    def run(experiment, name, *overrides):
        cfg = compose(experiment, *OFTEN, *overrides)
        cfg.run_name = name
        folder = train(cfg)
        return network_weights(folder / "checkpoints" / "last.ckpt"), folder

    return run


@pytest.mark.parametrize("average", ["", "null"])
@pytest.mark.parametrize("experiment", ["latent_control", "latent_full"])
def test_only_the_decoder_trains_and_the_refiner_is_the_averaged_one(experiment, average, trained):
    options = ["data.size=64", *([f"training.average={average}"] if average else [])]
    gone = ["+stages.decoder.losses.lpl=null", "+stages.decoder.adversaries.latents=null"]
    gone = gone if experiment == "latent_full" else []
    before, _ = trained(experiment, "before", "trainer.max_steps=3", *options)
    after, folder = trained(experiment, "after", *DECODER, *gone, *options)
    for name, tensor in after.items():
        if not name.startswith("decoder.") or "running" in name or "tracked" in name:
            assert torch.equal(tensor, before[name]), name
        elif name.endswith("conv.weight"):
            assert not torch.equal(tensor, before[name]), name
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    logged = {key: [int(row["step"]) for row in rows if row.get(key)] for key in rows[0]}
    assert max(logged["train/latent_l1"]) == 2 and min(logged["train/pixel_l1"]) == 3
    assert max(logged["train/pixel_l1"]) == 5


def test_a_run_resumed_at_or_in_a_stage_ends_alike(trained, monkeypatch):
    """Stopped after so many steps, by a callback that fails."""
    options = ["trainer.max_steps=4", "stages.inpainting.max_steps=2", "stages.settle.max_steps=1"]
    options += ["stages.decoder.max_steps=1"]
    whole, whole_folder = trained("latent_control_plus", "whole", *options)
    for stop in (1, 2, 3, 4):

        def fails(self, trainer, *_, stop=stop):
            trainer.save_checkpoint(f"{trainer.default_root_dir}/checkpoints/last.ckpt", weights_only=False)
            if trainer.global_step == stop:
                raise RuntimeError("pulled the plug")

        with monkeypatch.context() as broken:
            broken.setattr("latent_inpaint.training.callbacks.LastCheckpoint.on_train_batch_end", fails)
            with pytest.raises(RuntimeError, match="pulled the plug"):
                trained("latent_control_plus", f"halves{stop}", *options)
        folder = whole_folder.parent / f"halves{stop}"
        resume = f"resume={folder}/checkpoints/last.ckpt"
        halves, again = trained("latent_control_plus", "x", *options, resume)
        assert again == folder.resolve()
        for name, tensor in whole.items():
            if not name.endswith("num_batches_tracked"):  # a run that ends measures its statistics once more
                assert torch.equal(tensor, halves[name]), (stop, name)


def test_an_adversary_goes_on_in_the_next_stage(trained):
    options = ["stages.inpainting.max_steps=2", "stages.settle.max_steps=2", "data.size=64"]
    _, folder = trained("latent_control_sharp", "sharp", *options)
    state = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert state["stage"] == "settle" and state["stages"] == {"inpainting": 2, "settle": 4}
    assert state["global_step"] == 4 and len(state["optimizer_states"]) == 2
    steps = [s["step"] for s in state["optimizer_states"][1]["state"].values()]
    assert {int(step) for step in steps} == {2}  # a new optimizer, the same discriminator
    short, _ = trained("latent_control_sharp", "short", *options[:1], options[2], "stages.settle.max_steps=1")
    assert short.keys() == network_weights(folder / "checkpoints" / "last.ckpt").keys()


def test_each_stage_has_its_own_rate_and_parts(compose):
    cfg = compose("latent_control_plus")
    found = training_modules(cfg)
    rates = {name: module.turns[0].make_optimizer().defaults["lr"] for name, module in found.items()}
    assert rates == {"inpainting": 0.003, "settle": 0.0009, "decoder": 0.003}
    assert found["settle"].trainable == ["refiner", "guide"] and found["decoder"].trainable == ["decoder"]
    assert list(found["decoder"].objective.terms) == ["pixel_l1"]


def test_steps_are_shares_of_the_whole(compose):
    ends = [
        (s.first_step, s.last_step)
        for s in planned_stages(compose("latent_control_plus", "trainer.max_steps=600"))
    ]
    assert ends == [(0, 400), (400, 500), (500, 600)]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.decoder.max_steps=0", r"stages\.decoder\.max_steps must be at least 1, got 0"),
        ("stages.decoder.max_steps=null", r"stages\.decoder\.max_steps must be at least 1, got None"),
        ("+stages.decoder.model=x", r"stages\.decoder: expected max_steps, .* got \['model'\]"),
        ("stages.decoder.training.trainable=[nothing]", "trainable must name parts of the network"),
        ("stages.decoder.losses.pixel_l1=null", "an objective needs a term of positive weight"),
    ],
)
def test_what_no_stage_can_be_is_refused_before_stage_1(compose, monkeypatch, override, message):
    monkeypatch.setattr("latent_inpaint.training.run.build_model", lambda *_: pytest.fail("stage 1 ran"))
    with pytest.raises(Exception, match=message):
        train(compose("latent_control", *DECODER, override))


def test_losses_that_cannot_train_the_parts_are_named(trained):
    with pytest.raises(ValueError, match=r"losses: no term depends on the parts that train, \['decoder'\]"):
        trained("latent_control", "bad", "training.trainable=[decoder]")


def test_a_resume_into_other_stages_is_refused(compose, trained):
    _, folder = trained("latent_control", "one")
    with pytest.raises(ValueError, match=r"its run has the stages \['inpainting'\], this one has"):
        trained("latent_control", "two", *DECODER, f"resume={folder}/checkpoints/last.ckpt")
    stages = planned_stages(compose("latent_control", *DECODER))
    with pytest.raises(ValueError, match=r"its run has the stages \['inpainting'\], this one has"):
        stage_to_resume(stages, folder / "checkpoints" / "last.ckpt")


def test_a_resume_that_moves_a_stages_end_is_refused(compose, trained):
    options = ["stages.inpainting.max_steps=1", "stages.settle.max_steps=1", "stages.decoder.max_steps=1"]
    _, folder = trained("latent_control_plus", "three", *options)
    stages = planned_stages(compose("latent_control_plus", "stages.inpainting.max_steps=2", *options[1:]))
    with pytest.raises(ValueError, match="its stage inpainting ended at step 1, here at 2"):
        stage_to_resume(stages, folder / "checkpoints" / "last.ckpt")


def test_a_dry_run_counts_each_apart(compose):
    cfg = compose("latent_control", *DECODER)
    decoder = instantiate(cfg.model.network).decoder
    module = training_modules(cfg)["decoder"]
    assert sum(p.numel() for p in module.turns[0].parameters.values()) == sum(
        p.numel() for p in decoder.parameters()
    )
    assert "stage decoder" in dry_run(cfg)
    assert "stage" not in dry_run(compose("latent_control"))


@pytest.fixture
def handed(monkeypatch):
    """The network's weights as the second stage began with them."""
    found = {}

    def remember(path, module, stage):
        hand_over(path, module, stage)
        found.update(network_weights(path))

    monkeypatch.setattr("latent_inpaint.training.run.hand_over", remember)
    return found


def logged(folder):
    """Column of metrics.csv → the steps at which it has values."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: [int(row["step"]) for row in rows if row.get(key)] for key in rows[0]}


def part(weights, name):
    return {key: w for key, w in weights.items() if key.startswith(f"{name}.") and w.is_floating_point()}


def same(a, b, name, other=None):
    one, two = part(a, name), part(b, other or name)
    return all(torch.equal(w, two[(other or name) + key.removeprefix(name)]) for key, w in one.items())


def test_a_controlnet_copies_its_trained_base_and_leaves_it(trained, handed):
    weights, folder = trained("controlnet", "run", "trainer.max_steps=6", "data.size=64")
    base, copy = "refiner.denoiser.base", "refiner.denoiser"
    for name in ("encoder", "time"):
        assert same(handed, handed, f"{copy}.{name}", f"{base}.{name}"), "the copy begins as the base"
    assert handed["refiner.statistics.batches_seen"] == 3, "measured while the base trained"
    assert same(weights, handed, base) and not same(weights, handed, f"{copy}.zero_convs")
    shorter, _ = trained("controlnet", "other", "trainer.max_steps=2", "data.size=64")
    assert not same(weights, shorter, base), "it trained"
    assert set(logged(folder)["val/known_error"]) == {1, 3, 5}


def test_the_mean_trains_first_and_then_stays(trained, handed):
    weights, folder = trained("flow_residual", "run", "trainer.max_steps=6", "data.size=64")
    assert same(weights, handed, "refiner.mean") and not same(weights, handed, "refiner.denoiser")
    leave = "refiner.denoiser.decoder.leave.weight"
    assert not handed[leave].any() and weights[leave].any(), "the flow waits for its stage"
    steps = logged(folder)
    assert max(steps["train/latent_l1"]) == 2 and min(steps["train/regression"]) == 3


JUDGE = "objective.terms.self_perceptual.term.judge"


def states(folder):
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]


def test_the_denoiser_is_judged_by_a_copy_from_the_end_of_the_stage_before(trained, handed):
    weights, folder = trained("flow_self_perceptual_middle", "run", "trainer.max_steps=4", "data.size=64")
    judge = {name.removeprefix(f"{JUDGE}."): w for name, w in states(folder).items() if JUDGE in name}
    assert judge and all(torch.equal(w, handed[f"refiner.denoiser.{name}"]) for name, w in judge.items())
    assert not same(weights, handed, "refiner.denoiser")
    assert set(logged(folder)["train/self_perceptual"]) == {3}
    only = ["~stages.inpainting", "stages.self_perceptual.max_steps=1", f"init_from={folder}"]
    _, other = trained("flow_self_perceptual_fine", "other", "data.size=64", "trainer.max_steps=1", *only)
    names = {
        name: f"model.refiner.denoiser.{name.removeprefix(f'{JUDGE}.')}"
        for name in states(other)
        if JUDGE in name
    }
    assert names and all(torch.equal(states(other)[a], states(folder)[b]) for a, b in names.items())


def test_a_judge_that_would_begin_as_nothing(compose):
    with pytest.raises(
        ValueError, match=r"copies: losses.self_perceptual.term.judge must begin as a trained"
    ):
        train(compose("flow_self_perceptual_middle", "stages.self_perceptual.copies=null"))


def test_a_latent_network_learns_beside_the_flow_and_then_leads_it(trained):
    _, folder = trained("flow_latent_network", "run", "trainer.max_steps=8", "data.size=64")
    _, early = trained("flow_latent_network", "early", "trainer.max_steps=4", "data.size=64")
    network = "adversaries.latent_lite0.discriminator"
    assert not same(states(folder), states(early), f"{network}.layers")
    steps = logged(folder)
    assert min(steps["train/latent_lite0_lesson"]) == 0
    assert set(steps["train/latent_lite0_distance_share"]) == {6, 7}


def test_copies_that_cannot_be(compose):
    state = {"model.a.w": torch.ones(2), "model.b.w": torch.zeros(2), "model.c.w": torch.zeros(3)}
    assert torch.equal(copied(state, {"b": "a"})["model.b.w"], torch.ones(2))
    for copies in ({"c": "a"}, {"a": "nothing"}, {"nothing": "a"}):
        with pytest.raises(ValueError, match="copies: .* cannot begin as"):
            copied(state, copies)
    with pytest.raises(ValueError, match="stages.inpainting.copies: without init_from"):
        train(compose("latent", "+stages.inpainting.copies={refiner: guide}"))
    with pytest.raises(ValueError, match="copies: refiner cannot begin as encoder"):
        train(compose("latent", "+stages.more={max_steps: 1, copies: {refiner: encoder}}"))
