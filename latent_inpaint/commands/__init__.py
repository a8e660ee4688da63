"""The commands of `latent-inpaint` that train, measure and prepare data; `bin/` has the same ones."""
