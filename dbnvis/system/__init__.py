"""What the machine and the shell give: BLAS kernels, threads, memory, whole files, streams, versions."""
