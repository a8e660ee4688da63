import pytest
import torch

from benchmarks.gpu import Setting, gpu_table, measure, run_gpu


def test_a_row_is_measured_by_the_trainer():
    row = measure(Setting("latent_control", "float32"), size=32, width=2, batch_size=2, seconds=0.1)
    assert row["images_per_second"] > 0 and row["gflops_per_image"] > 0
    failed = {"experiment": "lama", "precision": "bf16", "channels_last": False, "compiled": True}
    lines = gpu_table([row, failed | {"error": "OutOfMemoryError: no"}]).splitlines()
    assert len(lines) == 4 and "| – |" in lines[2]
    assert "bf16, contiguous, compiled" in lines[3] and "OutOfMemoryError" in lines[3]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="sees no CUDA device"):
        run_gpu(tmp_path / "gpu.json", 32, 2, 2, 0.1)
    assert not list(tmp_path.iterdir())
