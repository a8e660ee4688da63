"""Frozen pretrained networks whose features losses and metrics look at."""
