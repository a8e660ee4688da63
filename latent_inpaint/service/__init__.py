"""Inpainting over HTTP (extra `serve`), with a page for painting holes; `latent-inpaint serve` starts it."""
