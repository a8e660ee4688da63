"""The settings of the numbers in fixtures/first_edition.json, and what they depend on."""

from pathlib import Path

import torch

SETTINGS = [
    "data=sample",
    "data.root=null",
    "data.size=64",
    "data.batch_size=4",
    "data.num_workers=0",
    "model.ngf=4",
    "model.n_blocks=2",
    "autoencoder.max_steps=4",
    "autoencoder.batch_size=2",
    "trainer.max_steps=20",
    "trainer.val_check_interval=20",
    "trainer.accelerator=cpu",
    "data_name=sample",
    "methods=[]",
    "logger=csv",
]


def machine():
    """Processor, its instructions, and PyTorch's version, on which the last bits of a training depend."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().split("\n\n")[0].splitlines() if info.is_file() else []
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    processor = [fields.get(name, "?") for name in ("vendor_id", "cpu family", "model", "stepping")]
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{' '.join(processor)}, {capability}, torch {torch.__version__}"
