"""The settings of every built-in part, by kind. Torch-free; each module here is imported at first use."""
