"""Settings of the data sets: what they are, whether they are on this machine, how to get them."""
