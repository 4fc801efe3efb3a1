"""`dbnvis` and `python -m dbnvis`: the best kernels first, before anything that takes time to import."""

import signal
import sys

from .system.blas import use_best_kernels


def main() -> int:
    """Run the command line; see `dbnvis.cli.main`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load, or after the command, ends quietly
    use_best_kernels()
    from . import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
