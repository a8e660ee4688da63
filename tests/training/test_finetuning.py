"""Published weights trained on: step 0 is the published network, steps lower the loss, and back it goes."""

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import latent_inpaint
from latent_inpaint.importers.lama import load_generator
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.training.checkpoints import discriminator_weights, initialise_adversaries
from latent_inpaint.training.run import build_model, train

LAMA_TINY = Path(__file__).parents[1] / "fixtures" / "lama_tiny"


def test_step_0_gives_the_published_networks_picture(compose):
    cfg = compose("lama_finetune", "data.size=64")
    from latent_inpaint.training.checkpoints import initialise_from

    model = build_model(cfg, None, None)
    missing, _ = initialise_from(model, cfg.init_from)
    assert not missing
    expected = load_file(LAMA_TINY / "expected.safetensors")
    with torch.no_grad():
        found = model.eval()(expected["image_64x64"], expected["mask_64x64"])
    torch.testing.assert_close(found, expected["prediction_64x64"], rtol=0, atol=1e-5)


def test_ten_steps_lower_the_loss_and_the_result_goes_back_to_lama(compose, tmp_path):
    settings = [
        "trainer.max_steps=30",
        "trainer.log_every_n_steps=1",
        "data.size=64",
        "losses.perceptual=null",
    ]
    settings += ["adversaries=[]", "training.optimizer.lr=2e-3", "data.train_subset=2"]
    run = train(compose("lama_finetune", *settings))
    with (run / "metrics.csv").open(newline="") as file:
        losses = [float(row["train/pixel_l1"]) for row in csv.DictReader(file) if row.get("train/pixel_l1")]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    from latent_inpaint.cli import main

    assert main(["convert", "--model", str(run), "--output", str(tmp_path / "lama"), "--to", "lama"]) == 0
    ours, theirs = latent_inpaint.load(run, device="cpu").model, load_generator(tmp_path / "lama")
    assert all(torch.equal(theirs.state_dict()[name], value) for name, value in ours.state_dict().items())


@pytest.fixture(scope="module")
def with_discriminator(tmp_path_factory):
    """LaMa's layout with a discriminator of width 4 in the checkpoint."""
    folder = tmp_path_factory.mktemp("lama")
    torch.manual_seed(3)
    judge = PatchDiscriminator(3, 4)
    state = torch.load(LAMA_TINY / "best.ckpt", weights_only=True)["state_dict"]
    state = {name: tensor for name, tensor in state.items() if name.startswith("generator.")}
    state |= {f"discriminator.model{k.removeprefix('layers.')}": v for k, v in judge.state_dict().items()}
    torch.save({"state_dict": state}, folder / "best.ckpt")
    (folder / "config.yaml").write_bytes((LAMA_TINY / "config.yaml").read_bytes())
    return folder, judge


def test_a_discriminator_comes_along_from_a_folder_and_a_zip(with_discriminator, tmp_path, caplog):
    import shutil

    folder, judge = with_discriminator
    archive = shutil.make_archive(str(tmp_path / "big-lama"), "zip", folder.parent, folder.name)
    for source in (folder, archive):
        weights = discriminator_weights(source)
        assert weights.keys() == judge.state_dict().keys()
        assert all(torch.equal(weights[name], value) for name, value in judge.state_dict().items())
    fitting, other = PatchDiscriminator(3, 4), PatchDiscriminator(3, 8)
    with caplog.at_level("INFO"):
        initialise_adversaries({"pixels": fitting, "wide": other}, folder)
    assert torch.equal(fitting.layers[0][0].weight, judge.layers[0][0].weight)
    assert "adversary pixels starts from its discriminator" in caplog.text
    assert "adversary wide is new" in caplog.text


def test_most_sources_bring_none(tmp_path):
    assert discriminator_weights(tmp_path) == {}
