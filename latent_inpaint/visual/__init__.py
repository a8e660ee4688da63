"""Pictures for people: sheets of samples, latent visualisation, reports."""
