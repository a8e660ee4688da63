"""Gaussian latents, on which everything has a closed form."""

import torch


class Gaussian:
    """`z0 ~ N(mean, covariance)`, latents `[B, n, 1, 1]` or `[B, 1, 1, n]` in float64."""

    def __init__(self, mean, covariance):
        self.mean = torch.tensor(mean, dtype=torch.float64)
        self.covariance = torch.tensor(covariance, dtype=torch.float64)

    def estimate(self, path):
        """`E[z0 | z_t] = μ + a·Σ·(a²Σ + s²)⁻¹·(z − a·μ)`."""

        def field(z, t):
            a, s = (float(value) for value in path.coefficients(t.double()))
            eye = torch.eye(len(self.mean), dtype=torch.float64)
            gain = a * self.covariance @ torch.linalg.inv(a * a * self.covariance + s * s * eye)
            flat = z.flatten(1)
            return (self.mean + (flat - a * self.mean) @ gain.T).view(z.shape)

        return field

    def velocity(self, path):
        """dz/dt of the probability flow on the linear path, at t = 0 by its limit."""
        field = self.estimate(path)

        def velocity(z, t):
            clean = field(z, t)
            if t == 0:
                return -z.clone()  # E[ε | z_0] − z_0
            return (z - clean) / t

        return velocity

    def flow(self, z):
        """Where the exact flow takes noise z at t = 1: `μ + Σ^½·z`."""
        values, vectors = torch.linalg.eigh(self.covariance)
        root = vectors @ torch.diag(values.sqrt()) @ vectors.T
        return (self.mean + z.flatten(1) @ root.T).view(z.shape)


def moments(sampler, n):
    """Exact mean and covariance of what an affine sampler makes of standard normal noise `[B, n, 1, 1]`."""
    basis = torch.cat([torch.zeros(1, n), torch.eye(n)]).double().view(n + 1, n, 1, 1)
    out = sampler(basis).flatten(1)
    matrix = out[1:] - out[:1]
    return out[0], matrix.T @ matrix
