import cv2
import lpips
import numpy as np
import pytest
import torch
from skimage import data

from latent_inpaint.files import sha256_of
from latent_inpaint.metrics.perceptual import lite0_perceptual_distance, lpips_distance
from latent_inpaint.models.backbones import Lite0Features, LPIPSFeatures


def test_distance_is_zero_for_equal_two_for_orthogonal_and_ignores_scale():
    a = torch.zeros(1, 2, 3, 3)
    b = torch.zeros(1, 2, 3, 3)
    a[:, 0], b[:, 1] = 5.0, 0.1
    assert lite0_perceptual_distance([a], [b]).item() == pytest.approx(2.0)
    assert lite0_perceptual_distance([a, a], [7 * a, b]).item() == pytest.approx(1.0)


def test_grey_is_farther_than_telea_and_truth_is_at_zero():
    network = Lite0Features()
    truth = np.ascontiguousarray(data.astronaut()[:256:2, 100:356:2])
    mask = np.zeros((128, 128), np.uint8)
    mask[40:90, 30:100] = 255
    grey = np.where(mask[..., None] > 0, 128, truth).astype(np.uint8)
    telea = cv2.inpaint(truth, mask, 3, cv2.INPAINT_TELEA)
    images = torch.from_numpy(np.stack([truth, telea, grey])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        features = [network(image[None]) for image in images]
    distances = [lite0_perceptual_distance(f, features[0]).item() for f in features]
    assert distances[0] == 0.0
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained'", "ignore:Arguments other than a weight enum")
def test_lpips_is_the_packages_on_the_given_backbone(no_network, alexnet_file):
    network = LPIPSFeatures("alex", alexnet_file, sha256=sha256_of(alexnet_file))
    package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    package.net.load_state_dict(network.network.state_dict())
    a, b = torch.rand(2, 2, 3, 64, 64)
    with torch.no_grad():
        value = lpips_distance(network(a), network(b))
        torch.testing.assert_close(value, package(2 * a - 1, 2 * b - 1).flatten(), rtol=1e-4, atol=1e-6)
        assert (value > 0).all()
        assert (lpips_distance(network(a), network(a)) == 0).all()
