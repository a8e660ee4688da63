"""The node pack, loaded as ComfyUI does: the folder as a module, nodes by their mappings, inputs by name."""

import importlib.util
from pathlib import Path

import pytest
import torch

import latent_inpaint

PACK = Path(__file__).parents[2] / "examples" / "comfyui" / "latent_inpaint_nodes"


@pytest.fixture(scope="module")
def nodes():
    spec = importlib.util.spec_from_file_location("latent_inpaint_nodes", PACK / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.NODE_DISPLAY_NAME_MAPPINGS) == set(module.NODE_CLASS_MAPPINGS)
    return module.NODE_CLASS_MAPPINGS


def run(nodes, name, **inputs):
    """A node's outputs; inputs that it does not name, or that are missing, fail as in ComfyUI."""
    node = nodes[f"LatentInpaint{name}"]
    assert set(node.INPUT_TYPES()["required"]) == set(inputs)
    outputs = getattr(node(), node.FUNCTION)(**inputs)
    assert len(outputs) == len(node.RETURN_TYPES)
    return outputs


@pytest.fixture
def case():
    image = torch.rand(1, 300, 700, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 300, 700)
    mask[:, 100:130, 500:540] = 1
    return image, mask


def test_load_and_inpaint(nodes, case):
    image, mask = case
    (model,) = run(nodes, "Load", source="", device="cpu")
    (result,) = run(
        nodes, "Inpaint", model=model, image=image.repeat(2, 1, 1, 1), mask=mask, dilate=0, seed=0
    )
    hole = mask[0] > 0.5
    assert result.shape == (2, 300, 700, 3)
    assert torch.equal(result[:, ~hole], image.repeat(2, 1, 1, 1)[:, ~hole])
    expected = latent_inpaint.inpaint(image[0].permute(2, 0, 1), hole.numpy(), model)
    assert torch.equal(result[0].permute(2, 0, 1), expected)


def test_crop_and_stitch(nodes, case):
    image, mask = case
    cropped, part, stitch = run(nodes, "Crop", image=image, mask=mask, context=-1)
    assert cropped.shape[1:3] == part.shape[1:] and cropped.shape[2] < 400 and part.sum() == mask.sum()
    (result,) = run(nodes, "Stitch", image=torch.zeros_like(cropped), stitch=stitch)
    assert torch.equal(result, image * (1 - mask[..., None]))
    with pytest.raises(ValueError, match="the crop's size"):
        run(nodes, "Stitch", image=image, stitch=stitch)
