"""Scenes that benchmarks render."""
