"""What a person sets: the home, preferences, keys, chart layouts."""
