"""tanh as a quotient of polynomials.

A convergent of Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))).

References
----------
Lambert (1768), "Mémoire sur quelques propriétés remarquables des quantités transcendentes".
"""


def convergent(n: int) -> tuple[list[int], list[int]]:
    """The n-th convergent x p(x^2) / q(x^2) of tanh x: coefficients of p and q, lowest power first."""
    p, q = [1], [2 * n - 1]
    for odd in range(2 * n - 3, 0, -2):  # odd + z / (q / p) = (odd q + z p) / q
        length = max(len(q), len(p) + 1)
        q_padded = q + [0] * (length - len(q))
        p_shifted = [0, *p] + [0] * (length - len(p) - 1)
        p, q = q, [odd * a + b for a, b in zip(q_padded, p_shifted, strict=True)]
    return p, q
