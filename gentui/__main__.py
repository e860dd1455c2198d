"""``python -m gentui`` is the ``gentui`` command."""

from gentui.cli.main import main

if __name__ == "__main__":
    main()
