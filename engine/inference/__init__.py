"""Inference: loading the checkpoint of a trained run, drawing images from it, scoring it."""
