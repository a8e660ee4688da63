"""Settings of a run of a second, on the pictures of the fixture of that name."""

TINY = [
    "data=folder",
    "data.size=32",
    "data.num_workers=0",
    "model.ngf=2",
    "model.n_blocks=1",
    "autoencoder.max_steps=2",
    "autoencoder.batch_size=2",
    "metrics=lite0",
    "metrics.replicates=20",
    "methods=[mean]",
]

OWN = {"lama_finetune": ["init_from=tests/fixtures/lama_tiny", "model.ngf=4", "model.n_blocks=2"]}
"""What an experiment needs besides."""
