"""``python -m billwright`` is the ``billwright`` command."""

from billwright.cli.main import main

if __name__ == "__main__":
    main()
