"""Runs as people speak of them: named, filtered, compared, planned, and what their alarms say."""
