#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace {

struct Closer {
    void operator()(std::FILE * file) const noexcept { std::fclose(file); }
};

using File = std::unique_ptr<std::FILE, Closer>;

File open(const std::string & path, const char * mode) {
    File file(std::fopen(path.c_str(), mode));
    if (!file) {
        throw std::system_error(errno, std::generic_category(), path);
    }
    return file;
}

template <typename Visit>
void for_each_line(std::string_view text, Visit && visit) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        visit(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

} // namespace

int main(int argc, char ** argv) try {
    std::string text;
    char block[4096];
    const File file = open(argc > 1 ? argv[1] : "/dev/stdin", "rb");
    while (const auto n = std::fread(block, 1, sizeof block, file.get())) {
        text.append(block, n);
    }
    std::size_t longest = 0;
    for_each_line(text, [&longest](std::string_view line) { longest = std::max(longest, line.size()); });
    std::size_t blank = 0, tabs = 0;
    for_each_line(text, [&](std::string_view line) {
        blank += line.find_first_not_of(" \t\r") == line.npos;
        tabs += line.starts_with('\t');
    });
    std::printf("longest %zu, blank %zu, with tabs %zu\n", longest, blank, tabs);
    return 0;
} catch (const std::exception & error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
}
