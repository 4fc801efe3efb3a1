"""`dbnvis` and `python -m dbnvis`: the best kernels first, before anything that takes time to import.

Help computes nothing and needs none of them.
"""

import signal
import sys

from .system.blas import use_best_kernels


def main() -> int:
    """Run the command line; see `dbnvis.cli.main`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load, or after the command, ends quietly
    if not {"-h", "--help", "--version"} & set(sys.argv[1:]):
        use_best_kernels()
    from . import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
