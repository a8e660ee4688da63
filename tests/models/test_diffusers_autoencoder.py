"""Networks of diffusers as encoder and decoder, against what diffusers computes; then whole runs on them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import latent_inpaint
from latent_inpaint.losses import LatentPerceptual
from latent_inpaint.models import (
    FFCRefiner,
    LatentInpainter,
    MaskControl,
    load_model,
    save_model,
)
from latent_inpaint.models.autoencoders.diffusers import (
    KLDecoder,
    KLEncoder,
    TinyDecoder,
    TinyEncoder,
    VQDecoder,
    VQEncoder,
    read_latent_channels,
    read_stage_channels,
)
from latent_inpaint.models.autoencoders.diffusers_files import make_network
from latent_inpaint.models.refiners import condition_channels
from latent_inpaint.models.refiners.base import Refined
from latent_inpaint.training.outputs import InpaintingOutputs

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

BLOCKS = {
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "block_out_channels": [8, 12, 16],
    "norm_num_groups": 4,
}
TINY = {f"{half}_block_out_channels": [8] * 4 for half in ("encoder", "decoder")}
TINY |= {f"num_{half}_blocks": [1] * 4 for half in ("encoder", "decoder")}
NETWORKS = {
    "kl": ("AutoencoderKL", BLOCKS | {"latent_channels": 4, "shift_factor": 0.3}, KLEncoder, KLDecoder),
    "tiny": ("AutoencoderTiny", TINY, TinyEncoder, TinyDecoder),
    "vq": ("VQModel", BLOCKS | {"latent_channels": 4, "vq_embed_dim": 3}, VQEncoder, VQDecoder),
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request, tmp_path_factory):
    """(name, network of diffusers, its folder, our encoder, our decoder)."""
    pytest.importorskip("diffusers", reason="the extra diffusers is not installed")
    source, config, encoder, decoder = NETWORKS[request.param]
    torch.manual_seed(0)
    network = make_network(source, config).eval().requires_grad_(False)
    if source == "VQModel":  # codes that are no dots at zero
        torch.nn.init.normal_(network.quantize.embedding.weight)
    folder = str(tmp_path_factory.mktemp(request.param))
    network.save_pretrained(folder)
    return request.param, network, folder, encoder.from_pretrained(folder), decoder.from_pretrained(folder)


@pytest.fixture
def image():
    return torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def inpainter(encoder, decoder, width=16):
    refiner = FFCRefiner(encoder.latent_channels, n_blocks=1, width=width)
    return LatentInpainter(encoder, refiner, decoder, MaskControl(encoder.stage_channels)).eval()


def test_latents_and_pictures_are_those_of_diffusers(case, image):
    name, network, _, encoder, decoder = case
    encoded = network.encode(2 * image - 1)
    theirs = encoded.latent_dist.mode() - 0.3 if name == "kl" else encoded.latents
    scale = network.config.scaling_factor
    latent = encoder(image)
    assert torch.equal(latent, theirs * scale)
    assert latent.shape == (2, encoder.latent_channels, 64 // encoder.down_factor, 48 // encoder.down_factor)
    decoded = network.decode(latent / scale + (0.3 if name == "kl" else 0)).sample
    assert torch.equal(decoder(latent), (decoded / 2 + 0.5).clamp(0, 1))


def test_the_shape_is_known_without_the_weights(case):
    _, _, folder, encoder, _ = case
    assert read_stage_channels(folder) == encoder.stage_channels
    assert read_latent_channels(folder) == encoder.latent_channels


def test_controls_of_zero_change_no_bit_and_each_one_counts(case, image):
    encoder = case[3]
    plain = encoder(image)
    zeros = MaskControl(encoder.stage_channels).controls(torch.ones(2, 1, 64, 48))
    assert torch.equal(encoder(image, zeros), plain)
    for stage in range(len(zeros)):
        lifted = [control + (i == stage) * torch.rand_like(control) for i, control in enumerate(zeros)]
        assert not torch.allclose(encoder(image, lifted), plain), f"stage {stage}"
    with pytest.raises(ValueError, match="zip"):
        encoder(image, zeros[:-1])


def test_both_are_frozen_and_a_saved_network_needs_no_other_file(case, image, tmp_path):
    *_, encoder, decoder = case
    assert not any(p.requires_grad for part in (encoder, decoder) for p in part.parameters())
    model = inpainter(encoder, decoder)
    mask = (image[:, :1] > 0.7).float()
    save_model(model, tmp_path)
    assert str(case[2]) not in (tmp_path / "config.json").read_text()
    assert torch.equal(load_model(tmp_path)(image, mask), model(image, mask))


def test_lpl_compares_the_features_of_the_up_blocks(case):
    *_, encoder, decoder = case
    model = inpainter(encoder, decoder)
    image = torch.rand(1, 3, 64, 64)
    output = InpaintingOutputs(model, image, (image[:, :1] > 0.5).float())
    value = LatentPerceptual(blocks=[0, len(decoder.ups) - 1], checkpointing=False)(output)
    value.backward()
    assert value > 0
    assert model.refiner.enter.weight.grad.abs().sum() > 0
    sizes = []
    x = output.target_latent
    for up in decoder.ups:
        x = up(x)
        sizes.append(x.shape[-1])
    assert sizes == sorted(sizes) and sizes[-1] == 64
    equal = InpaintingOutputs(model, output.image, output.mask)
    equal.__dict__["refined"] = Refined(equal.target_latent)
    assert LatentPerceptual(blocks=[0], checkpointing=False)(equal) == 0


def test_inpainting_a_photograph_decodes_what_the_network_does(case):
    """Crops and windows know that these networks see far: the result is the whole picture's."""
    *_, encoder, decoder = case
    model = inpainter(encoder, decoder)
    image, mask = (
        np.random.default_rng(0).integers(0, 256, (96, 88, 3), dtype=np.uint8),
        np.zeros((96, 88), bool),
    )
    mask[40:60, 30:50] = True
    repaired = latent_inpaint.inpaint(image, mask, model)
    with torch.inference_mode():
        picture = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        whole = model(picture, torch.from_numpy(mask)[None, None].float())[0].permute(1, 2, 0).numpy() * 255
    assert np.array_equal(repaired[~mask], image[~mask])
    assert np.abs(repaired[mask] - whole[mask]).max() <= 1


def test_a_run_trains_evaluates_saves_and_loads(case, compose, monkeypatch):
    name, _, folder, encoder, _ = case
    settings = [
        f"autoencoder={name}",
        f"autoencoder.path={folder}",
        "autoencoder.max_steps=0",
        "model.width=8",
    ]
    from latent_inpaint.evaluation.after_training import train_and_evaluate
    from latent_inpaint.training.checkpoints import network_weights
    from latent_inpaint.training.run import train

    run = (train_and_evaluate if name == "kl" else train)(compose("latent_lpl", *settings, "data.size=64"))
    model = latent_inpaint.load(run).model
    assert model.refiner.enter.weight.shape[:2] == (8, encoder.latent_channels)
    weights = network_weights(run / "checkpoints" / "last.ckpt")
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(weights[f"encoder.{key}"], tensor), key
    assert not list((run.parents[1]).glob("cache/autoencoder/*"))
    if name == "kl":
        rows = json.loads((run / "metrics.json").read_text())["rows"]
        assert [row["method"] for row in rows] == ["latent_lpl", "mean", "autoencoder"]
        resumed = train(
            compose(
                "latent_lpl",
                *settings,
                "data.size=64",
                "trainer.max_steps=3",
                f"resume={run}/checkpoints/last.ckpt",
            )
        )
        assert resumed == run.resolve()


def test_a_flow_knows_the_shape_of_its_latents(case, compose):
    from latent_inpaint.training.run import train

    name, _, folder, encoder, _ = case
    run = train(compose("flow_lpl", f"autoencoder={name}", f"autoencoder.path={folder}", "data.size=64"))
    model = latent_inpaint.load(run).model
    assert model.down_factor == encoder.down_factor == (8 if name == "tiny" else 4)
    channels = encoder.latent_channels
    enter = model.refiner.denoiser.encoder.enter
    assert enter.in_channels == channels + condition_channels(channels, encoder.down_factor)


def test_latent_diffusions_recipe_on_its_kind_of_autoencoder(case, compose):
    """On VQ-f4 the denoiser sees 3 + 3 + 1 channels."""
    from latent_inpaint.training.run import train

    name, _, folder, encoder, _ = case
    if name != "vq":
        pytest.skip("theirs is a VQModel")
    run = train(compose("ldm_inpaint", "autoencoder=vq", f"autoencoder.path={folder}", "data.size=64"))
    refiner = latent_inpaint.load(run).model.refiner
    assert refiner.denoiser.encoder.enter.in_channels == 2 * encoder.latent_channels + 1 == 7
    assert refiner.calls() == 50 and refiner.path.betas.end == 0.0205


def test_stage_1_has_nothing_to_do(case, compose):
    from latent_inpaint.training.run import train

    with pytest.raises(ValueError, match="it comes pretrained, there is no stage 1"):
        train(compose("autoencoder", f"autoencoder={case[0]}", f"autoencoder.path={case[2]}"))


def test_what_is_not_there_is_said(case, tmp_path, monkeypatch):
    name, _, folder, *_ = case
    other = TinyEncoder if name == "kl" else KLEncoder
    with pytest.raises(
        ValueError, match=f"expected a network of the class {other.source}, got {NETWORKS[name][0]}"
    ):
        other.from_pretrained(folder)
    with pytest.raises(FileNotFoundError, match=r"config.json is missing"):
        KLEncoder.from_pretrained(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"autoencoder.path=/no/such/folder: no network of diffusers"):
        KLEncoder.from_pretrained("/no/such/folder")
    with pytest.raises(FileNotFoundError, match=r"vae/config.json is missing"):
        KLEncoder.from_pretrained(folder, subfolder="vae")
    with pytest.raises(ValueError, match=r"autoencoder.path must be a folder .* got None"):
        KLEncoder.from_pretrained(None)


def test_a_name_that_the_hub_cannot_give_is_one_line(monkeypatch):
    diffusers = pytest.importorskip("diffusers", reason="the extra diffusers is not installed")

    def offline(*_, **__):
        raise OSError("We couldn't connect.\nCheck your internet connection.")

    monkeypatch.setattr(diffusers.AutoencoderKL, "load_config", offline)
    with pytest.raises(
        FileNotFoundError, match="autoencoder.path=owner/name: cannot be read: We couldn't connect.$"
    ):
        read_latent_channels("owner/name")


def test_networks_that_do_not_fit_are_refused():
    pytest.importorskip("diffusers", reason="the extra diffusers is not installed")
    with pytest.raises(ValueError, match="must map 3 channels to 3, got 4 and 3"):
        KLEncoder(json.dumps(BLOCKS | {"in_channels": 4}))
    with pytest.raises(ValueError, match="norm_type must be 'group', got 'spatial'"):
        VQDecoder(json.dumps({"norm_type": "spatial", "block_out_channels": [32]}))


def test_without_diffusers_one_line_says_what_to_install():
    """And nothing else of the package needs it."""
    script = (
        "import sys; sys.modules['diffusers'] = None\n"
        "from latent_inpaint.models import KLEncoder, Encoder\n"
        "Encoder(2)\n"
        "KLEncoder('{}')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    last = done.stderr.strip().splitlines()[-1]
    missing = (
        'ImportError: AutoencoderKL needs the package diffusers: pip install "latent-inpaint[diffusers]"'
    )
    assert last.startswith(missing)
