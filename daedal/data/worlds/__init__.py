"""Procedural worlds with exact ground truth: one renderer, and the scenes that it renders."""
