// Memory for many small allocations on huge pages, where the system has them.
#pragma once

#include <cstddef>

namespace pyengine {

// Asks for huge pages under the next `bytes` of the heap, up to 56 MB. llama.cpp builds a tokenizer
// of hundreds of thousands of small allocations, and on pages of 4 kB each of these is touched
// for the first time by a page fault. Changes nothing but time; does nothing without glibc.
void put_next_heap_on_huge_pages(std::size_t bytes);

// About what llama.cpp's tokenizer of so many tokens takes: 52 MB for the 151,936 of Qwen2.
inline std::size_t tokenizer_bytes(std::size_t n_tokens) {
    return 350 * n_tokens;
}

// About what it takes while it reads the metadata and leaves the tokenizer unread.
inline std::size_t metadata_bytes(std::size_t n_tokens) {
    return 180 * n_tokens;
}

} // namespace pyengine
