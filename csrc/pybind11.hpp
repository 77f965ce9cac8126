// The one include of pybind11, and the names of the array types that cross the border.
#pragma once

#include <cstdint>
#include <string_view>

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "interrupt.hpp"

namespace py = pybind11;

namespace pyengine {

// C-contiguous arrays; pybind11 converts what is not.
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Int32Array = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using Int64Array = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
using ByteArray = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;
using BoolArray = py::array_t<bool, py::array::c_style | py::array::forcecast>;

// Text from a file, which may be damaged and not UTF-8: what is not becomes U+FFFD.
inline py::str text_of(std::string_view text) {
    return py::bytes(text.data(), text.size()).attr("decode")("utf-8", "replace");
}

// Looks for Ctrl-C from inside a call that has released the GIL, and keeps what it raised.
class SignalCheck {
public:
    Interrupt interrupt() {
        return [this] {
            const py::gil_scoped_acquire gil;
            if (PyErr_CheckSignals() == 0) {
                return false;
            }
            raised_ = std::make_exception_ptr(py::error_already_set());
            return true;
        };
    }

    // Raises what the signal handler raised, if anything.
    void rethrow() const {
        if (raised_) {
            std::rethrow_exception(raised_);
        }
    }

    bool keep(const py::error_already_set & error) {
        raised_ = std::make_exception_ptr(error);
        return false;
    }

private:
    std::exception_ptr raised_;
};

// Runs work without the GIL; turns an interruption into the exception that caused it.
template <typename Work> void run_interruptibly(SignalCheck & signals, Work work) {
    try {
        const py::gil_scoped_release release;
        work();
    } catch (...) {
        signals.rethrow();
        throw;
    }
    // The work may have ended well before it heard of the signal.
    signals.rethrow();
}

void register_errors(py::module_ & module);
void register_log(py::module_ & module);
void register_gguf(py::module_ & module);
void register_quantize(py::module_ & module);
void register_vocabulary(py::module_ & module);
void register_model(py::module_ & module);
void register_context(py::module_ & module);
void register_sampler(py::module_ & module);
void register_token_sets(py::module_ & module);
void register_statistics(py::module_ & module);
void register_kld(py::module_ & module);

} // namespace pyengine
