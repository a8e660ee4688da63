"""Compiled training is training."""

import torch

from latent_inpaint.models import FFCRefiner
from latent_inpaint.training.checkpoints import network_weights
from latent_inpaint.training.run import train


def test_a_compiled_run_gives_the_same_weights(compose, monkeypatch):
    """With the backend that only traces: what could go wrong is the tracing and the names of the weights."""
    options = "callbacks=[default,compile]", "callbacks.compile.backend=eager", "run_name=compiled"
    weights = [
        network_weights(train(compose("latent_control", *extra)) / "checkpoints" / "last.ckpt")
        for extra in ((), options)
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], msg=name)


def test_the_refiner_has_no_graph_breaks():
    explained = torch._dynamo.explain(FFCRefiner(8, n_blocks=1))(torch.rand(1, 8, 4, 4))
    torch._dynamo.reset()
    assert (explained.graph_count, explained.graph_break_count) == (1, 0), explained.break_reasons
