"""Discriminators: what tells true from made, in any space."""
