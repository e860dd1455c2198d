"""The private parts of Textual and textual-image that gentui relies on. All of them are named here.

No other module touches a private attribute of these libraries (``tests/unit/tui/test_textual_private.py``), so a new
version is checked against this package alone. It is several modules because importing textual-image queries the
terminal.
"""
