"""This machine: what it has, what it does now, and whether it is fit to train."""
