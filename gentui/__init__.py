"""A terminal workbench for image generative models. Nothing in this package imports torch."""

__version__ = "0.1.0"
