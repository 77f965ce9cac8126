// The one include of pybind11, and the names of the array types that cross the border.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "engine/interrupt.hpp"

namespace py = pybind11;

namespace pyengine {

// C-contiguous arrays; pybind11 converts what is not.
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Int32Array = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using Int64Array = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
using ByteArray = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;
using BoolArray = py::array_t<bool, py::array::c_style | py::array::forcecast>;

// An Int32Array as an argument: whole numbers that fit. Where numpy would cut a fraction off or
// wrap a large number around, the call is refused.
class Int32Argument : public Int32Array {
public:
    Int32Argument() : Int32Array(0) {}
    Int32Argument(Int32Array array) : Int32Array(std::move(array)) {}

    // Throws py::value_error, or py::type_error where they are no whole numbers.
    static Int32Argument of(const py::array & numbers);
};

// A method without parameters that is called on a reference. Given the method itself, pybind11
// calls it on a null pointer where self is None.
template <class Class, class Result> auto on_reference(Result (Class::*method)() const) {
    return [method](const Class & self) { return (self.*method)(); };
}
template <class Class, class Result> auto on_reference(Result (Class::*method)()) {
    return [method](Class & self) { return (self.*method)(); };
}

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

inline Int32Argument Int32Argument::of(const py::array & numbers) {
    if (numbers.size() > 0 && numbers.dtype().kind() != 'i' && numbers.dtype().kind() != 'u') {
        throw py::type_error("expected whole numbers, not an array of type " +
                             std::string(py::str(numbers.dtype())));
    }
    if (!py::isinstance<py::array_t<std::int32_t>>(numbers) && numbers.size() > 0) {
        const py::object least = numbers.attr("min")(), most = numbers.attr("max")();
        if (least < py::int_(std::numeric_limits<std::int32_t>::min()) ||
            most > py::int_(std::numeric_limits<std::int32_t>::max())) {
            throw py::value_error("a number does not fit into 32 bits");
        }
    }
    return Int32Array::ensure(numbers);
}

void register_errors(py::module_ & module);
void register_log(py::module_ & module);
void register_gguf(py::module_ & module);
void register_quantize(py::module_ & module);
void register_vocabulary(py::module_ & module);
void register_model(py::module_ & module);
void register_importance(py::module_ & module);
void register_context(py::module_ & module);
void register_sampler(py::module_ & module);
void register_token_sets(py::module_ & module);
void register_statistics(py::module_ & module);
void register_kld(py::module_ & module);

} // namespace pyengine

namespace pybind11::detail {

template <> struct type_caster<pyengine::Int32Argument> {
    PYBIND11_TYPE_CASTER(pyengine::Int32Argument, const_name("numpy.typing.ArrayLike"));

    bool load(handle source, bool /*convert*/) {
        const array numbers = array::ensure(source);
        if (!numbers || numbers.dtype().kind() == 'O') {
            return false;
        }
        value = pyengine::Int32Argument::of(numbers);
        return true;
    }
};

} // namespace pybind11::detail
