"""Runs of other programs: what their scripts logged, read by format and written as run directories like any other.

``entries`` says what a log can tell; a module for each format tells it; ``finding`` knows which format a path holds,
``writing`` makes runs of it, ``taking`` does so once or goes on while the log grows. A format's own library is imported
only by the function that needs it.
"""
