"""Runs on disk: their directories and event logs, and the paths of recipes, plug-ins and caches. Torch-free."""
