"""Runs as jobs of Slurm, on clusters where the home is on a file system that the nodes share.

Slurm's commands are called with text formats, which are the same in all its versions; accounting (sacct) is optional.
"""
