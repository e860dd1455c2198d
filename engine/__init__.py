"""Everything that trains; runs as ``python -P -m engine RUN_DIR``."""
