"""What the names of metrics mean: namespaces, and which metrics share a chart."""
