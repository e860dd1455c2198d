"""``python -m gentui`` is the ``gentui`` command."""

from gentui.cli import main

if __name__ == "__main__":
    main()
