"""A trained run at work: its checkpoint loaded, images drawn from it, scores made of it."""
