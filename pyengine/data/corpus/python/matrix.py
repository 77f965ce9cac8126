# Linear equations by Gaussian elimination with partial pivoting.
from fractions import Fraction


def solve(matrix, right):
    """Return x with matrix @ x == right, as exact fractions."""
    n = len(matrix)
    if any(len(row) != n for row in matrix) or len(right) != n:
        raise ValueError("need a square matrix and as many right sides")
    rows = [[Fraction(v) for v in row] + [Fraction(b)] for row, b in zip(matrix, right)]
    for column in range(n):
        pivot = max(range(column, n), key=lambda r: abs(rows[r][column]))
        if rows[pivot][column] == 0:
            raise ArithmeticError("the matrix is singular")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        for r in range(column + 1, n):
            factor = rows[r][column] / head[column]
            rows[r] = [a - factor * b for a, b in zip(rows[r], head)]
    x = [Fraction(0)] * n
    for i in reversed(range(n)):
        known = sum(rows[i][j] * x[j] for j in range(i + 1, n))
        x[i] = (rows[i][n] - known) / rows[i][i]
    return x


assert solve([[2, 1], [1, 3]], [3, 5]) == [Fraction(4, 5), Fraction(7, 5)]
