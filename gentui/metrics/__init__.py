"""What the names of metrics mean: which are signals or the machine's, and which share a chart."""
