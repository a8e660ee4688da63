"""VGG-19 and the ADE20K encoder: their layouts, their files, and what is said when a file is missing."""

import pytest
import torch
from torch import nn

from latent_inpaint.models.backbones import VGG19, ADE20KResNet50
from latent_inpaint.models.backbones.ade20k import DilatedResNet50


@pytest.fixture(scope="module")
def ade20k_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "encoder_epoch_20.pth"
    torch.manual_seed(0)
    weights = {k: v for k, v in DilatedResNet50().state_dict().items() if "num_batches_tracked" not in k}
    torch.save(weights | {"bn1._running_iter": torch.zeros(1)}, path)
    return path


def test_ade20k_encoder_is_dilated_and_reads_its_file(ade20k_file):
    backbone = ADE20KResNet50(weights_path=ade20k_file).eval()
    stored = torch.load(ade20k_file, weights_only=True)
    torch.testing.assert_close(backbone.network.layer4[2].conv2.weight, stored["layer4.2.conv2.weight"])
    shapes = [tuple(feature.shape) for feature in backbone(torch.rand(1, 3, 32, 32))]
    assert shapes == [(1, 256, 8, 8), (1, 512, 4, 4), (1, 1024, 4, 4), (1, 2048, 4, 4)]
    dilations = {
        stage: [block.conv2.dilation[0] for block in getattr(backbone.network, stage)]
        for stage in ("layer2", "layer3", "layer4")
    }
    assert dilations == {"layer2": [1] * 4, "layer3": [1, 2, 2, 2, 2, 2], "layer4": [2, 4, 4]}


def test_backbones_normalise_pictures_themselves(ade20k_file):
    backbone = ADE20KResNet50(weights_path=ade20k_file).eval()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None].expand(1, 3, 16, 16)
    torch.testing.assert_close(backbone(mean), backbone.network(torch.zeros(1, 3, 16, 16)))


def test_vgg19_gives_13_activations_with_average_pooling(tmp_path):
    layers, channels = [], 3
    for width, repeats in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(repeats):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    network = nn.Sequential(*layers)
    weights = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(weights | {"classifier.0.bias": torch.zeros(4)}, tmp_path / "vgg.pth")
    image = torch.rand(1, 3, 16, 16)
    features = VGG19(weights_path=tmp_path / "vgg.pth").eval()(image)
    assert [f.shape[1] for f in features] == [64] * 2 + [128] * 2 + [256] * 4 + [512] * 5
    assert [f.shape[2] for f in features] == [16] * 2 + [8] * 2 + [4] * 4 + [2] * 4 + [1]
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = network[:4]((image - mean[:, None, None]) / deviation[:, None, None])
    torch.testing.assert_close(features[1], x)
    torch.testing.assert_close(features[2], network[5:7](nn.AvgPool2d(2)(x)))


@pytest.mark.parametrize(
    ("backbone", "name", "file", "address"),
    [
        (
            ADE20KResNet50,
            "ade20k",
            "encoder_epoch_20.pth",
            "http://sceneparsing.csail.mit.edu/model/pytorch/",
        ),
        (VGG19, "vgg19", "vgg19-dcbb9e9d.pth", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_missing_weights_are_explained(tmp_path, monkeypatch, backbone, name, file, address, given):
    monkeypatch.setenv("LATENT_INPAINT_MODELS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        backbone(weights_path=tmp_path / "elsewhere.pth" if given else None)
    message = str(caught.value)
    assert file in message and (f"download {name}" if given else address) in message
    assert "losses.perceptual.backbone.weights_path=FILE" in message
    assert str(tmp_path / "elsewhere.pth" if given else tmp_path) in message


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth: the weights are of another network: missing"):
        ADE20KResNet50(weights_path=tmp_path / "other.pth")
