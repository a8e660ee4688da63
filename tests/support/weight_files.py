"""Fixtures: an empty cache, and files of random weights in the published layouts."""

import pytest
import torch


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """No weights on this machine, and an error for whoever opens a connection."""
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError("something tried to use the network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    monkeypatch.setenv("LATENT_INPAINT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """Random weights in the layout of pt_inception-2015-12-05-6726825d.pth."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network = inception_v3(num_classes=1008, aux_logits=False, init_weights=False)
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def alexnet_file(tmp_path_factory):
    """Random weights in the layout of torchvision's alexnet-owt-7be5be79.pth, without the classifier."""
    torch.manual_seed(0)
    shapes = {
        0: (64, 3, 11, 11),
        3: (192, 64, 5, 5),
        6: (384, 192, 3, 3),
        8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }
    state = {}
    for index, shape in shapes.items():
        state[f"features.{index}.weight"] = 0.05 * torch.randn(shape)
        state[f"features.{index}.bias"] = 0.1 * torch.randn(shape[0])
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    torch.save(state, path)
    return path
