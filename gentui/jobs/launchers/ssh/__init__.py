"""Runs on machines that are reached by SSH and have the same home: their own workers do the work.

Nothing is judged from here. The state of a run there is written by the machine that trains it, and whether it can be
reached is told and changes nothing.
"""
