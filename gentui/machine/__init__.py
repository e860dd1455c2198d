"""The hardware: GPUs, processor, memory, processes; and the data sets stored on this machine."""
