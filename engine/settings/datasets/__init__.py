"""Settings of the data sets: their properties, where their files are, and how to get them."""
