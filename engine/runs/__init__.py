"""One run on disk: its directory, its events, and where everything is kept. Torch-free."""
