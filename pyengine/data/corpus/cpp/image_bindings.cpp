#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace py = pybind11;
using Image = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

namespace {

struct Shape {
    py::ssize_t height, width, channels;
};

Shape shape_of(const Image &image) {
    if (image.ndim() == 2) return {image.shape(0), image.shape(1), 1};
    if (image.ndim() == 3) return {image.shape(0), image.shape(1), image.shape(2)};
    throw py::value_error("an image has two or three dimensions, not " + std::to_string(image.ndim()));
}

Image like(const Image &image) {
    return Image(std::vector<py::ssize_t>(image.shape(), image.shape() + image.ndim()));
}

/// Histogram equalisation of a grey image.
Image equalize(const Image &image) {
    const auto [height, width, channels] = shape_of(image);
    if (channels != 1) throw py::value_error("equalize needs a grey image");
    Image result = like(image);
    const std::uint8_t *from = image.data();
    std::uint8_t *to = result.mutable_data();
    const auto n = static_cast<std::size_t>(height * width);

    py::gil_scoped_release unlocked;
    std::array<std::size_t, 256> count{};
    for (std::size_t i = 0; i < n; ++i) ++count[from[i]];
    std::array<std::uint8_t, 256> table{};
    std::size_t below = 0;
    const std::size_t darkest = *std::find_if(count.begin(), count.end(), [](auto c) { return c > 0; });
    for (std::size_t v = 0; v < 256; ++v) {
        below += count[v];
        if (n > darkest && below >= darkest)
            table[v] = static_cast<std::uint8_t>(255.0 * (below - darkest) / (n - darkest) + 0.5);
    }
    std::transform(from, from + n, to, [&](std::uint8_t v) { return table[v]; });
    return result;
}

/// Median of a square neighbourhood; the border is repeated.
Image median(const Image &image, int radius) {
    if (radius < 1 || radius > 7) throw py::value_error("radius must lie between 1 and 7");
    const auto [height, width, channels] = shape_of(image);
    Image result = like(image);
    const std::uint8_t *from = image.data();
    std::uint8_t *to = result.mutable_data();

    py::gil_scoped_release unlocked;
    std::vector<std::uint8_t> window;
    window.reserve((2 * radius + 1) * (2 * radius + 1));
    for (py::ssize_t y = 0; y < height; ++y)
        for (py::ssize_t x = 0; x < width; ++x)
            for (py::ssize_t c = 0; c < channels; ++c) {
                window.clear();
                for (py::ssize_t dy = -radius; dy <= radius; ++dy)
                    for (py::ssize_t dx = -radius; dx <= radius; ++dx) {
                        const auto row = std::clamp<py::ssize_t>(y + dy, 0, height - 1);
                        const auto col = std::clamp<py::ssize_t>(x + dx, 0, width - 1);
                        window.push_back(from[(row * width + col) * channels + c]);
                    }
                const auto middle = window.begin() + window.size() / 2;
                std::nth_element(window.begin(), middle, window.end());
                to[(y * width + x) * channels + c] = *middle;
            }
    return result;
}

} // namespace

PYBIND11_MODULE(_filters, m) {
    m.doc() = "Filters for scanned pages; images are uint8 arrays of (height, width[, channels]).";
    m.def("equalize", &equalize, py::arg("image"), "Spread the grey values evenly.");
    m.def("median", &median, py::arg("image"), py::arg("radius") = 1, "Remove specks.");
    m.attr("__version__") = "0.4.1";
}
