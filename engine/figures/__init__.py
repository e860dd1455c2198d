"""Figures: uint8 arrays in, PNG or GIF out."""
