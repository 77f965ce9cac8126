#include <algorithm>

#include "bind/pybind11.hpp"
#include "vocab/bpe_merges.hpp"
#include "vocab/vocabulary.hpp"

namespace pyengine {
namespace {

using IdReader = llama_token (*)(const llama_vocab *);

std::optional<llama_token> special_id(const Vocabulary & vocabulary, IdReader read) {
    const llama_token id = read(vocabulary.get());
    return id < 0 || id >= vocabulary.size() ? std::nullopt : std::optional(id);
}

Int32Array to_array(const std::vector<llama_token> & ids) {
    return Int32Array(static_cast<py::ssize_t>(ids.size()), ids.data());
}

std::vector<llama_token> to_ids(const Int32Argument & ids) {
    return {ids.data(), ids.data() + ids.size()};
}

py::list pieces(const Vocabulary & vocabulary) {
    py::list all(static_cast<std::size_t>(vocabulary.size()));
    for (llama_token id = 0; id < vocabulary.size(); ++id) {
        const std::string_view piece = vocabulary.piece(id);
        all[static_cast<std::size_t>(id)] = py::bytes(piece.data(), piece.size());
    }
    return all;
}

py::list texts(const Vocabulary & vocabulary) {
    py::list all(static_cast<std::size_t>(vocabulary.size()));
    for (llama_token id = 0; id < vocabulary.size(); ++id) {
        all[static_cast<std::size_t>(id)] = py::bytes(vocabulary.text(id));
    }
    return all;
}

ByteArray kinds(const Vocabulary & vocabulary) {
    const std::vector<TokenKind> & all = vocabulary.kinds();
    return ByteArray(static_cast<py::ssize_t>(all.size()),
                     reinterpret_cast<const std::uint8_t *>(all.data()));
}

py::array_t<float> scores(const Vocabulary & vocabulary) {
    py::array_t<float> all(vocabulary.size());
    for (llama_token id = 0; id < vocabulary.size(); ++id) {
        all.mutable_at(id) = vocabulary.score(id);
    }
    return all;
}

py::tuple piece_arrays(const Vocabulary & vocabulary) {
    const std::string & bytes = vocabulary.pieces().bytes();
    const auto & offsets = vocabulary.pieces().offsets();
    return py::make_tuple(ByteArray(static_cast<py::ssize_t>(bytes.size()),
                                    reinterpret_cast<const std::uint8_t *>(bytes.data())),
                          Int64Array(static_cast<py::ssize_t>(offsets.size()), offsets.data()));
}

Int32Array repeated_pieces(const Vocabulary & vocabulary) {
    return to_array(vocabulary.pieces().repeated());
}

} // namespace

void register_vocabulary(py::module_ & module) {
    py::class_<Vocabulary, std::shared_ptr<Vocabulary>> vocabulary(module, "Vocabulary");
    vocabulary.def_property_readonly("size", on_reference(&Vocabulary::size))
        .def_property_readonly("kind", on_reference(&Vocabulary::kind))
        .def_property_readonly(
            "pre_tokenizer",
            [](const Vocabulary & vocabulary) { return text_of(vocabulary.pre_tokenizer()); })
        .def_property_readonly("bos", on_reference(&Vocabulary::bos))
        .def_property_readonly("eos", on_reference(&Vocabulary::eos))
        .def_property_readonly("kinds", &kinds)
        .def_property_readonly("scores", &scores)
        .def_property_readonly(
            "add_bos", [](const Vocabulary & v) { return llama_vocab_get_add_bos(v.get()); })
        .def_property_readonly(
            "add_eos", [](const Vocabulary & v) { return llama_vocab_get_add_eos(v.get()); })
        .def("__len__", on_reference(&Vocabulary::size))
        .def("pieces", &pieces)
        .def("texts", &texts)
        .def("piece_arrays", &piece_arrays)
        .def("repeated_pieces", &repeated_pieces)
        .def(
            "piece",
            [](const Vocabulary & v, llama_token id) {
                const std::string_view piece = v.piece(id);
                return py::bytes(piece.data(), piece.size());
            },
            py::arg("id"))
        .def("is_end_of_generation", &Vocabulary::is_end_of_generation, py::arg("id"))
        .def(
            "token",
            [](const Vocabulary & v, const py::bytes & piece) {
                return v.token(static_cast<std::string_view>(piece));
            },
            py::arg("piece"))
        .def(
            "tokenize",
            [](const Vocabulary & v, const std::variant<py::bytes, py::str> & text,
               bool add_special, bool parse_special) {
                // py::str becomes its UTF-8 bytes.
                const auto bytes = std::visit([](const auto & t) { return std::string(t); }, text);
                std::vector<llama_token> ids;
                {
                    const py::gil_scoped_release release;
                    ids = v.tokenize(bytes, add_special, parse_special);
                }
                return to_array(ids);
            },
            py::arg("text"), py::kw_only(), py::arg("add_special") = false,
            py::arg("parse_special") = false)
        .def(
            "encode_to_themselves",
            [](const Vocabulary & v, const Int32Argument & ids, const py::bytes & before) {
                const std::vector<llama_token> tokens = to_ids(ids);
                const std::string text(before);
                std::vector<bool> found;
                {
                    const py::gil_scoped_release release;
                    found = v.encode_to_themselves(tokens, text);
                }
                py::array_t<bool> result(static_cast<py::ssize_t>(found.size()));
                std::copy(found.begin(), found.end(), result.mutable_data());
                return result;
            },
            py::arg("ids"), py::kw_only(), py::arg("before") = py::bytes())
        .def(
            "detokenize",
            [](const Vocabulary & v, const Int32Argument & ids, bool remove_special,
               bool unparse_special) {
                return py::bytes(v.detokenize(to_ids(ids), remove_special, unparse_special));
            },
            py::arg("ids"), py::kw_only(), py::arg("remove_special") = false,
            py::arg("unparse_special") = true);

    module.def(
        "merge_own_texts",
        [](const std::string & path) {
            std::vector<MergeResult> results;
            {
                const py::gil_scoped_release release;
                results = merge_own_texts(path);
            }
            return ByteArray(static_cast<py::ssize_t>(results.size()),
                             reinterpret_cast<const std::uint8_t *>(results.data()));
        },
        py::arg("path"));

    const std::pair<const char *, IdReader> special_tokens[] = {
        {"eot", llama_vocab_eot},
        {"sep", llama_vocab_sep},
        {"nl", llama_vocab_nl},
        {"pad", llama_vocab_pad},
        {"mask", llama_vocab_mask},
        {"fim_prefix", llama_vocab_fim_pre},
        {"fim_suffix", llama_vocab_fim_suf},
        {"fim_middle", llama_vocab_fim_mid},
        {"fim_pad", llama_vocab_fim_pad},
        {"fim_repository", llama_vocab_fim_rep},
        {"fim_separator", llama_vocab_fim_sep},
    };
    for (const auto & [name, read] : special_tokens) {
        vocabulary.def_property_readonly(
            name, [read = read](const Vocabulary & v) { return special_id(v, read); });
    }
}

} // namespace pyengine
