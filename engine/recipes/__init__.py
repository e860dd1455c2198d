"""Recipes: experiments as data, which are loaded, validated, changed and swept. Torch-free."""
