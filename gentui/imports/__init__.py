"""Import runs of other programs: their logs are read by format and written as ordinary run directories.

``log_entries`` defines what a log can contain, and one module per format reads it; ``row_source`` is what tables and
JSON lines share, and ``row_order`` tells their passes and restarts. ``discovery`` finds the format of a
path, ``run_writer`` writes the run, ``importer`` does so once or follows a growing log. A format's own library is
imported only by the function that needs it.
"""
