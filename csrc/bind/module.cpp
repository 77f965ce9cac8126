#include "bind/pybind11.hpp"
#include "engine/log_sink.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "The compiled core of pyengine; use it through pyengine.models.";
    pyengine::install_log_sink();
    pyengine::register_errors(module);
    pyengine::register_log(module);
    pyengine::register_gguf(module);
    pyengine::register_quantize(module);
    pyengine::register_vocabulary(module);
    pyengine::register_model(module);
    pyengine::register_importance(module);
    pyengine::register_context(module);
    pyengine::register_sampler(module);
    pyengine::register_statistics(module);
    pyengine::register_kld(module);
    pyengine::register_token_sets(module);
}
