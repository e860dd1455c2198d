"""Samplers: from noise to images over a noise process (``engine.samplers.process``), whatever net denoises."""
