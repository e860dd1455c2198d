"""Several processes, the ranks, that train one run together, each on its rows of every batch.

``sharing`` is the arithmetic: inside ``with sharing.together(share)`` all ranks take the same step, and random numbers,
BatchNorm, gradients and losses are those of the whole batch. ``team`` are the processes: how they start, what the
leader, rank 0, tells the others, and what happens when one of them ends.
"""
