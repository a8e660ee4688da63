"""A page in the browser for painting holes (extra `web`); `latent-inpaint web` serves it."""
