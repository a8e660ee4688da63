"""Networks that make pictures in one piece, without a latent: inpainters themselves."""
