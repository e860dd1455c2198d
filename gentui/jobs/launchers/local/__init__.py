"""Jobs of this machine: a worker process for each device, and liveness by the kernel's locks, pids and boot id."""
