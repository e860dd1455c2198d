"""Settings of every built-in part, a module or package for each kind. Torch-free.

``registry`` imports them all when a part is first looked up.
"""
