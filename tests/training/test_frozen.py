"""Frozen is frozen, and what trains does."""

import pytest
import torch

from latent_inpaint.instantiate import instantiate
from latent_inpaint.models.norm import batch_norms
from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.run import build_model, train
from latent_inpaint.training.stages import build_module

ROWS = {
    "baseline": ["guide", "refiner", "decoder"],
    "control": ["refiner", "guide"],
    "latent": ["refiner", "guide.encoder.stem.conv"],
    "latent_control": ["refiner", "guide"],
}


def modules(compose, experiment, *overrides):
    cfg = compose(experiment, *overrides)
    datamodule = instantiate(cfg.data)
    model = build_model(cfg, datamodule, resume=None)
    return build_module(cfg, model), datamodule


def belongs(name, parts):
    return any(name.startswith(f"{part}.") for part in parts)


@pytest.mark.parametrize("experiment", ROWS)
def test_ten_steps_leave_every_frozen_tensor_bit_identical(compose, experiment, monkeypatch):
    """A real run, with validations in between, against the network as it was built."""
    before = modules(compose, experiment)[0].model.state_dict()
    run = train(compose(experiment, "trainer.max_steps=10", "trainer.val_check_interval=3"))
    after = network_weights(run / "checkpoints" / "last.ckpt")
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        if not belongs(name, ROWS[experiment]):
            assert torch.equal(tensor, before[name]), f"{name} is frozen and changed"
        elif name.endswith("weight"):
            assert not torch.equal(tensor, before[name]), f"{name} trains and did not change"


@pytest.mark.parametrize("experiment", ROWS)
def test_the_optimizer_holds_what_trains_and_nothing_else(compose, experiment):
    module, _ = modules(compose, experiment)
    [optimizer], _ = module.configure_optimizers()
    optimised = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in module.model.named_parameters():
        trains = belongs(name, ROWS[experiment])
        assert (id(parameter) in optimised) == trains == parameter.requires_grad, name


@pytest.mark.parametrize("experiment", ["latent_control", "latent_full"])
def test_parts_have_learning_rates_of_their_own(compose, experiment):
    factors = "training.rate_factors={guide: 2, guide.zero_convs: 5}"
    module, _ = modules(compose, experiment, factors)
    optimizer = module.configure_optimizers()[0][0]
    base = optimizer.defaults["lr"]
    rates = {id(p): group["lr"] / base for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in module.model.named_parameters():
        factor = 5 if "zero_convs" in name else 2 if name.startswith("guide") else 1
        assert not parameter.requires_grad or rates[id(parameter)] == pytest.approx(factor), name


@pytest.mark.parametrize("factors", ["{nothing: 2}", "{refiner: 0}", "{encoder: 2}"])
def test_refuses_rate_factors(compose, factors):
    with pytest.raises(Exception, match="rate_factors must map parts that train to positive factors"):
        modules(compose, "latent_control", f"training.rate_factors={factors}")


def test_fixed_statistics_are_those_that_were_there(compose, monkeypatch):
    """With validations and a moving average in between; the weights go on learning."""
    before = modules(compose, "latent_control")[0].model.state_dict()
    options = ["trainer.max_steps=4", "trainer.val_check_interval=2", "training.fixed_statistics=true"]
    after = network_weights(train(compose("latent_control", *options)) / "checkpoints" / "last.ckpt")
    for name, tensor in after.items():
        if "running" in name:
            assert torch.equal(tensor, before[name]), name
    weight = next(name for name in after if name.startswith("refiner") and name.endswith("conv.weight"))
    assert not torch.equal(after[weight], before[weight])


def test_synchronised_statistics_are_among_those_that_are_kept(compose):
    model = modules(compose, "latent_control")[0].model
    plain = len(batch_norms(model))
    assert plain and len(batch_norms(torch.nn.SyncBatchNorm.convert_sync_batchnorm(model))) == plain


def test_zero_convolutions_move_at_the_first_step(compose):
    module, datamodule = modules(compose, "latent_control")
    zero_convs = module.model.guide.zero_convs
    assert all(not conv.weight.any() for conv in zero_convs)
    [optimizer], _ = module.configure_optimizers()
    total, _ = module.objective(module.outputs(next(iter(datamodule.train_dataloader()))))
    total.backward()
    optimizer.step()
    assert all(conv.weight.any() for conv in zero_convs)


@pytest.mark.parametrize(
    ("experiment", "calls"), [("baseline", 3), ("control", 3), ("latent", 0), ("latent_control", 0)]
)
def test_how_often_a_training_step_runs_the_decoder(compose, experiment, calls):
    module, datamodule = modules(compose, experiment)
    counted = []
    module.model.decoder.register_forward_hook(lambda *_: counted.append(1))
    for _, batch in zip(range(3), datamodule.train_dataloader()):
        module.objective(module.outputs(batch))
    assert len(counted) == calls


def test_rows_start_equal(compose):
    """Equal initialisation: the same autoencoder, and the same random refiner."""
    models = {row: modules(compose, row)[0].model for row in ROWS}
    reference = models["latent_control"]
    image, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    for row, model in models.items():
        for part in ("refiner", "decoder"):
            for name, tensor in getattr(model, part).state_dict().items():
                assert torch.equal(tensor, getattr(reference, part).state_dict()[name]), (row, part, name)
        model.eval()
        torch.testing.assert_close(model(image, mask), reference.eval()(image, mask))
        assert torch.equal(model.encode(image), reference.encode(image))


def test_a_part_that_does_not_exist(compose):
    cfg = compose("latent_control", "training.trainable=[refinre]")
    with pytest.raises(Exception, match=r"trainable must name parts .* 'refiner'.*got \['refinre'\]"):
        train(cfg)
