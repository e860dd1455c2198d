"""Text handling: sanitising, number formats, matching, safe paths, tails. Independent of runs and screens."""
