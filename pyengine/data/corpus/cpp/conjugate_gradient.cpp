// Solves the heat equation on a square plate: sparse matrix, conjugate gradients, Jacobi preconditioner.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <span>
#include <vector>

using Vec = std::vector<double>;

/// Compressed rows: the entries of row i are those from begin[i] up to begin[i + 1].
struct SparseMatrix {
    std::vector<std::size_t> begin{0};
    std::vector<std::size_t> column;
    std::vector<double>      value;

    std::size_t rows() const { return begin.size() - 1; }

    void add(std::size_t col, double v) {
        column.push_back(col);
        value.push_back(v);
    }
    void end_row() { begin.push_back(value.size()); }

    void multiply(std::span<const double> x, std::span<double> y) const {
        #pragma omp parallel for schedule(static)
        for (std::size_t i = 0; i < rows(); ++i) {
            double sum = 0.0;
            for (std::size_t k = begin[i]; k < begin[i + 1]; ++k)
                sum += value[k] * x[column[k]];
            y[i] = sum;
        }
    }

    double diagonal(std::size_t i) const {
        for (std::size_t k = begin[i]; k < begin[i + 1]; ++k)
            if (column[k] == i) return value[k];
        return 0.0;
    }
};

SparseMatrix five_point_laplacian(std::size_t n) {
    SparseMatrix a;
    for (std::size_t y = 0; y < n; ++y)
        for (std::size_t x = 0; x < n; ++x) {
            const std::size_t i = y * n + x;
            if (y > 0)     a.add(i - n, -1.0);
            if (x > 0)     a.add(i - 1, -1.0);
            a.add(i, 4.0);
            if (x < n - 1) a.add(i + 1, -1.0);
            if (y < n - 1) a.add(i + n, -1.0);
            a.end_row();
        }
    return a;
}

double dot(const Vec & a, const Vec & b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

struct Outcome {
    int    iterations;
    double residual;
};

Outcome solve(const SparseMatrix & a, const Vec & b, Vec & x, double tolerance, int limit) {
    const std::size_t n = b.size();
    Vec r(n), z(n), p(n), ap(n);
    a.multiply(x, r);
    for (std::size_t i = 0; i < n; ++i) r[i] = b[i] - r[i];

    const double target = tolerance * std::sqrt(dot(b, b));
    double rz = 0.0;
    for (int k = 0; k < limit; ++k) {
        const double norm = std::sqrt(dot(r, r));
        if (norm <= target) return {k, norm};

        for (std::size_t i = 0; i < n; ++i) z[i] = r[i] / a.diagonal(i);
        const double rz_next = dot(r, z);
        const double beta = k == 0 ? 0.0 : rz_next / rz;
        for (std::size_t i = 0; i < n; ++i) p[i] = z[i] + beta * p[i];
        rz = rz_next;

        a.multiply(p, ap);
        const double alpha = rz / dot(p, ap);
        for (std::size_t i = 0; i < n; ++i) {
            x[i] += alpha * p[i];
            r[i] -= alpha * ap[i];
        }
    }
    return {limit, std::sqrt(dot(r, r))};
}

int main() {
    for (std::size_t n : {32u, 64u, 128u, 256u}) {
        const auto a = five_point_laplacian(n);
        Vec heat(n * n, 0.0), t(n * n, 0.0);
        heat[n * n / 2 + n / 2] = 100.0; // a soldering iron in the middle
        const auto start = std::chrono::steady_clock::now();
        const auto [iterations, residual] = solve(a, heat, t, 1e-10, 5000);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        std::cout << std::setw(4) << n << std::setw(7) << iterations << " steps  " << std::scientific
                  << residual << std::fixed << std::setprecision(1) << std::setw(9) << took.count() << " ms\n";
    }
}
