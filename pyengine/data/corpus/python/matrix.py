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


def determinant(matrix):
    """By the Bareiss algorithm: integers stay integers, and every division leaves no rest."""
    rows = [list(row) for row in matrix]
    n = len(rows)
    sign, previous = 1, 1
    for k in range(n - 1):
        if rows[k][k] == 0:
            for swap in range(k + 1, n):
                if rows[swap][k] != 0:
                    rows[k], rows[swap] = rows[swap], rows[k]
                    sign = -sign
                    break
            else:
                return 0
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                rows[i][j] = (rows[i][j] * rows[k][k] - rows[i][k] * rows[k][j]) // previous
        previous = rows[k][k]
    return sign * rows[-1][-1]


assert solve([[2, 1], [1, 3]], [3, 5]) == [Fraction(4, 5), Fraction(7, 5)]
assert determinant([[0, 2], [3, 4]]) == -6
assert determinant([[2, 0, 1], [1, 3, 2], [1, 1, 2]]) == 6
