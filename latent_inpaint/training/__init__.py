"""Training: LightningModules, their callbacks and the two-stage run. Knows no command line."""
