"""Recipes: one experiment each, read, checked, changed and swept. Torch-free."""
