#include "bind/pybind11.hpp"
#include "engine/errors.hpp"

namespace pyengine {
namespace {

void raise(const char * name, const Error & error) {
    const py::object type = py::module_::import("pyengine.errors").attr(name);
    PyErr_SetObject(type.ptr(), text_of(error.what()).ptr());
}

void raise(const NumbersError & error) {
    const py::object type = py::module_::import("pyengine.errors").attr("NumbersError");
    const py::object instance = type(text_of(error.what()));
    instance.attr("path") = text_of(error.path);
    PyErr_SetObject(type.ptr(), instance.ptr());
}

} // namespace

void register_errors(py::module_ & /*module*/) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer) {
                std::rethrow_exception(pointer);
            }
        } catch (const NumbersError & error) {
            raise(error);
        } catch (const ModelFileError & error) {
            raise("ModelFileError", error);
        } catch (const ModelKindError & error) {
            raise("ModelKindError", error);
        } catch (const TokenizerError & error) {
            raise("TokenizerError", error);
        } catch (const OptionError & error) {
            raise("OptionError", error);
        } catch (const DecodeError & error) {
            raise("DecodeError", error);
        } catch (const EngineError & error) {
            raise("EngineError", error);
        } catch (const Interrupted & error) {
            raise("Interrupted", error);
        }
    });
}

} // namespace pyengine
