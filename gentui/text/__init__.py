"""Text, numbers and names as people read and type them. Nothing here knows of runs or screens."""
