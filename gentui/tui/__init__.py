"""The terminal app. Only this package imports Textual; nothing here imports torch."""
