"""Data sets as uint8 tensors (``dataset``), and training batches of them on the device (``batches``).

The loaders are modules named after what they read; settings name them as factories. Importing the package itself
imports no torch: ``toon_drawing`` runs as a program that must start at once.
"""
