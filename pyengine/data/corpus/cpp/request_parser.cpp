#include "request_parser.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace http {

namespace {

// token characters of RFC 9110, section 5.6.2
constexpr bool is_token(unsigned char c)
{
	constexpr std::string_view others = "!#$%&'*+-.^_`|~";
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	    || others.find(static_cast<char>(c)) != others.npos;
}

bool same_name(std::string_view a, std::string_view b)
{
	return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
		return std::tolower(x) == std::tolower(y);
	});
}

std::string_view trimmed(std::string_view s)
{
	const auto first = s.find_first_not_of(" \t");
	if (first == s.npos)
		return {};
	return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

} // namespace

/**
 * Takes what came from the socket, in pieces of any size. Call it until the result is no longer
 * Result::more; bytes beyond the request stay in the buffer for the next one.
 */
request_parser::result request_parser::feed(std::string_view data)
{
	buffer_.append(data);
	if (buffer_.size() > limits_.header_bytes && state_ != state::body)
		return fail(431);

	for (;;) {
		if (state_ == state::body) {
			if (buffer_.size() < body_length_)
				return result::more;
			request_.body = buffer_.substr(0, body_length_);
			buffer_.erase(0, body_length_);
			state_ = state::request_line;
			return result::done;
		}

		const auto end = buffer_.find("\r\n");
		if (end == buffer_.npos)
			return result::more;
		const std::string line = buffer_.substr(0, end);
		buffer_.erase(0, end + 2);

		switch (state_) {
		case state::request_line:
			if (line.empty())
				break; // robust against a stray CRLF between requests
			if (!parse_request_line(line))
				return fail(400);
			state_ = state::headers;
			break;
		case state::headers:
			if (!line.empty()) {
				if (!parse_header(line))
					return fail(400);
				break;
			}
			if (const int status = measure_body(); status != 0)
				return fail(status);
			state_ = state::body;
			break;
		case state::body:
			break;
		}
	}
}

bool request_parser::parse_request_line(std::string_view line)
{
	const auto first = line.find(' ');
	const auto last = line.rfind(' ');
	if (first == line.npos || last == first)
		return false;
	request_ = {};
	request_.method = line.substr(0, first);
	request_.target = line.substr(first + 1, last - first - 1);
	const auto version = line.substr(last + 1);
	return std::all_of(request_.method.begin(), request_.method.end(), is_token)
	    && !request_.target.empty() && (version == "HTTP/1.1" || version == "HTTP/1.0");
}

bool request_parser::parse_header(std::string_view line)
{
	const auto colon = line.find(':');
	if (colon == 0 || colon == line.npos)
		return false;
	const auto name = line.substr(0, colon);
	if (!std::all_of(name.begin(), name.end(), is_token))
		return false; // also refuses a blank before the colon: request smuggling
	request_.headers.emplace_back(name, trimmed(line.substr(colon + 1)));
	return true;
}

int request_parser::measure_body()
{
	body_length_ = 0;
	bool seen = false;
	for (const auto &[name, value] : request_.headers) {
		if (same_name(name, "transfer-encoding"))
			return 501;
		if (!same_name(name, "content-length"))
			continue;
		std::size_t length = 0;
		const auto [ptr, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
		if (ec != std::errc{} || ptr != value.data() + value.size() || (seen && length != body_length_))
			return 400;
		body_length_ = length;
		seen = true;
	}
	return body_length_ > limits_.body_bytes ? 413 : 0;
}

} // namespace http
