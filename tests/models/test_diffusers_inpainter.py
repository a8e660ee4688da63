"""A tiny random Stable Diffusion inpainting pipeline on the disk, the whole way."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import latent_inpaint
from latent_inpaint.evaluation.networks import load_diffusers_method
from latent_inpaint.models.diffusers_inpainter import DiffusersInpainter

WORDS = ["<|startoftext|>", "<|endoftext|>", *"abcdefgh", *(f"{letter}</w>" for letter in "abcdefgh")]


def clip(root):
    """A tokenizer of eight letters and its text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    (root / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(WORDS)}))
    (root / "merges.txt").write_text("#version: 0.2\n")
    config = CLIPTextConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    tokenizer = CLIPTokenizer(str(root / "vocab.json"), str(root / "merges.txt"), model_max_length=8)
    return {"tokenizer": tokenizer, "text_encoder": CLIPTextModel(config)}


def vae(**settings):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=4, norm_num_groups=8, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, **settings,
    )  # fmt: skip


def stable_diffusion(root):
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=8, in_channels=9, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=8,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
    )  # fmt: skip
    return StableDiffusionInpaintPipeline(
        vae=vae(), unet=unet, scheduler=DDIMScheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **clip(root),
    )  # fmt: skip


def flux_fill(root):
    """It is in no list of diffusers' automatic pipelines."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
    from tokenizers import Tokenizer, models
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    config = T5Config(vocab_size=16, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("a", -1.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16 + 16 + 16,  # noise, masked latents and the mask, unshuffled by 2
        out_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    return FluxFillPipeline(
        FlowMatchEulerDiscreteScheduler(),
        vae(shift_factor=0.0, scaling_factor=1.0, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder_2=T5EncoderModel(config),
        tokenizer_2=T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0, model_max_length=8),
        transformer=transformer,
        **clip(root),
    )


@pytest.fixture(scope="module", params=[stable_diffusion, flux_fill], ids=lambda make: make.__name__)
def folder(request, tmp_path_factory):
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("pipeline")
    request.param(root).save_pretrained(root / "saved")
    return root / "saved"


def pair(height=40, width=56):
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, height, width)
    mask[..., 10:30, 20:40] = 1
    return image, mask


def test_it_fills_pictures_of_any_size_by_the_seed(folder):
    pipeline = latent_inpaint.load(f"diffusers:{folder}", device="cpu")
    pipeline.model.steps = 2
    assert pipeline.multiple and isinstance(pipeline.model, DiffusersInpainter)
    image, mask = pair()
    one, two, other = (pipeline(image, mask, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert one.shape == image.shape and torch.equal(one, two) and not torch.equal(one, other)
    picture = (image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    hole = (mask[0, 0].numpy() * 255).astype(np.uint8)
    fills = pipeline.inpaint(picture, hole, samples=2)
    assert all((fill[hole == 0] == picture[hole == 0]).all() for fill in fills)
    assert (fills[0] != fills[1]).any()


def test_it_is_a_method_with_its_settings_on_the_card(folder):
    method = load_diffusers_method(str(folder), "a b", steps=2, guidance=1.0, device="cpu")
    assert method.multiple and method.name == "saved"
    assert {"prompt": "a b", "steps": 2, "guidance": 1.0, "calls": 2}.items() <= method.card().items()
    image, mask = pair(32, 32)
    assert method(image, mask, torch.Generator().manual_seed(0)).shape == image.shape


def test_what_is_no_inpainting_pipeline_is_one_line(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model_index\.json is missing"):
        latent_inpaint.load(f"diffusers:{tmp_path}", device="cpu")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline"}))
    with pytest.raises(ValueError, match="no inpainting pipeline") as caught:
        latent_inpaint.load(f"diffusers:{tmp_path}", device="cpu")
    assert "\n" not in str(caught.value)

    class NoVae:
        vae = None

    with pytest.raises(ValueError, match="NoVae has no VAE"):
        DiffusersInpainter(NoVae())

    class NoPicture:
        vae = "a VAE"

        def __call__(self, prompt):
            return prompt

    with pytest.raises(ValueError, match="NoPicture takes no image and mask_image"):
        DiffusersInpainter(NoPicture())
    with pytest.raises(ValueError, match="give path=DIR"):
        load_diffusers_method(None)
