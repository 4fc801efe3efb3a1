"""`dbnvis` and `python -m dbnvis`: the best kernels first, before anything that takes time to import."""

import sys

from .blas import use_best_kernels


def main() -> int:
    """Run the command line; see `dbnvis.cli.main`."""
    use_best_kernels()
    from . import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
