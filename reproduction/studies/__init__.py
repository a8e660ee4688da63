"""Studies of the latent: one module a figure of the thesis (equation 4.1) or of the LPL paper (11 to 13)."""
