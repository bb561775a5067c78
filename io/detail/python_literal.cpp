#include "mnemo/io/detail/python_literal.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {
namespace {

constexpr int deepest = 16;               // no supported header nests deeper than two
constexpr std::size_t most_items = 4096;  // of all kinds together

struct Character {
  std::string_view name;
  char character;
};
constexpr Character characters[] = {
    {"LESS-THAN SIGN", '<'}, {"GREATER-THAN SIGN", '>'}, {"EQUALS SIGN", '='},
    {"VERTICAL LINE", '|'},  {"QUESTION MARK", '?'},     {"LOW LINE", '_'},
    {"DIGIT ZERO", '0'},     {"DIGIT ONE", '1'},         {"DIGIT TWO", '2'},
    {"DIGIT THREE", '3'},    {"DIGIT FOUR", '4'},        {"DIGIT FIVE", '5'},
    {"DIGIT SIX", '6'},      {"DIGIT SEVEN", '7'},       {"DIGIT EIGHT", '8'},
    {"DIGIT NINE", '9'},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

class Parser {
 public:
  Parser(std::string_view text, std::pmr::memory_resource& memory) : text_(text), memory_(memory) {}

  Literal whole() {
    Literal literal = value(0);
    skip_space();
    if (at_ < text_.size()) bad("has something after the dictionary");
    return literal;
  }

 private:
  [[noreturn]] void bad(std::string_view problem) const {
    fail("the header ", problem, " (at byte ", at_, " of the dictionary)");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // A line feed counts as space, since NumPy's header is always inside braces; so does a comment.
  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      } else if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') {
        ++at_;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') {
        return;
      }
    }
  }

  bool accept(char c) {
    skip_space();
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  Literal value(int depth) {
    if (depth > deepest) bad("is nested too deeply");
    if (++items_ > most_items) bad("has too many items");
    skip_space();
    const char c = peek();
    if (accept('{')) return dict(depth);
    if (accept('(')) return tuple(depth);
    if (accept('[')) return list(depth);
    if (c == '\'' || c == '"') return strings(false);
    if (is_digit(c)) return number(false);
    if (c == '-' || c == '+') {
      ++at_;
      skip_space();
      if (!is_digit(peek())) bad("has a sign without a number");
      return number(c == '-');
    }
    if (is_letter(c)) return word();
    bad(at_ < text_.size() ? "is no Python literal" : "ends early");
  }

  Literal word() {
    const std::size_t start = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    if (name == "True") return {true};
    if (name == "False") return {false};
    if (name == "None") return {Literal::None{}};
    const bool raw = name == "r" || name == "R";
    if ((raw || name == "u" || name == "U") && (peek() == '\'' || peek() == '"'))
      return strings(raw);
    at_ = start;
    bad("has an unknown word");
  }

  /// One string or several beside each other, which Python joins.
  Literal strings(bool raw) {
    std::string joined;
    for (;;) {
      one_string(raw, joined);
      skip_space();
      raw = false;
      if (peek() != '\'' && peek() != '"') return {std::move(joined)};
    }
  }

  void one_string(bool raw, std::string& to) {
    const char quote = peek();
    const bool triple = text_.substr(at_, 3) == std::string(3, quote);
    const std::string_view closing = text_.substr(at_, triple ? 3 : 1);
    at_ += closing.size();
    while (text_.substr(at_, closing.size()) != closing) {
      if (at_ >= text_.size() || (!triple && peek() == '\n')) bad("has a string without an end");
      if (peek() == '\\') {
        if (raw) bad("has a backslash in a raw string");
        escape(to);
      } else {
        to += text_[at_++];
      }
    }
    at_ += closing.size();
  }

  void escape(std::string& to) {
    constexpr std::string_view letters = "\\'\"abfnrtv";
    constexpr std::string_view meanings = "\\'\"\a\b\f\n\r\t\v";
    ++at_;
    const char c = peek();
    if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
      ++at_;
      to += meanings[known];
    } else if (c == '\n') {
      ++at_;
    } else if (digit_value(c) < 8) {
      coded(8, 1, 3, to);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      coded(16, digits, digits, to);
    } else if (c == 'N') {
      named(to);
    } else {
      to += '\\';  // what is no escape stays as it is
    }
  }

  /// A character by its Unicode name, of those that keys and dtypes are made of.
  void named(std::string& to) {
    const std::size_t end = text_.find('}', at_);
    if (text_.substr(at_, 2) != "N{" || end == text_.npos) bad("has a broken escape in a string");
    std::string name(text_.substr(at_ + 2, end - at_ - 2));
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    const char last = name.empty() ? '\0' : name.back();
    const bool letter = last >= 'A' && last <= 'Z';
    const auto* const known = std::find_if(std::begin(characters), std::end(characters),
                                           [&](const auto& item) { return item.name == name; });
    if (known != std::end(characters)) {
      to += known->character;
    } else if (letter && name == std::string("LATIN CAPITAL LETTER ") + last) {
      to += last;
    } else if (letter && name == std::string("LATIN SMALL LETTER ") + last) {
      to += static_cast<char>(last - 'A' + 'a');
    } else {
      bad("has a character in a string by a name that no key and no dtype needs");
    }
    at_ = end + 1;
  }

  /// A character by its number. Only ASCII is told apart: no key and no dtype has anything else.
  void coded(int base, std::size_t least, std::size_t most, std::string& to) {
    std::uint32_t code = 0;
    std::size_t digits = 0;
    for (; digits < most && digit_value(peek()) < base; ++digits, ++at_) {
      code =
          code * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit_value(peek()));
    }
    if (digits < least) bad("has a broken escape in a string");
    to += code < 0x80 ? std::string(1, static_cast<char>(code)) : "\u00bf";
  }

  Literal number(bool negative) {
    int base = 10;
    if (peek() == '0' && at_ + 1 < text_.size()) {
      const char kind = static_cast<char>(text_[at_ + 1] | 0x20);
      base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
      if (base != 10) at_ += 2;
    }
    Literal::Integer integer{0, false};
    const std::size_t start = at_;
    bool digit_before = base != 10;  // 0x_1 is legal, 1__0 and 1_ are not
    for (;; ++at_) {
      if (peek() == '_' && digit_before) {
        digit_before = false;
        continue;
      }
      const int digit = digit_value(peek());
      if (digit >= base) break;
      digit_before = true;
      integer.overflow |= integer.value > (std::numeric_limits<std::int64_t>::max() - digit) / base;
      if (!integer.overflow) integer.value = integer.value * base + digit;
    }
    if (at_ == start || !digit_before) bad("has a broken number");
    const bool zero = integer.value == 0 && !integer.overflow;
    if (base == 10 && text_[start] == '0' && !zero) bad("has a number with leading zeros");
    const std::size_t end = at_;
    skip_space();
    at_ = peek() == 'L' ? at_ + 1 : end;  // Python 2's long
    if (is_letter(peek()) || is_digit(peek()) || peek() == '.')
      bad("has a number that is no integer");
    if (negative) integer.value = -integer.value;
    return {integer};
  }

  Literal tuple(int depth) {
    Literal::Tuple result{decltype(Literal::Tuple::items)(&memory_)};
    if (accept(')')) return {std::move(result)};
    for (;;) {
      result.items.push_back(value(depth + 1));
      const bool comma = accept(',');
      if (accept(')')) {
        // Parentheses around one value without a comma are just that.
        if (!comma && result.items.size() == 1) return std::move(result.items.front());
        return {std::move(result)};
      }
      if (!comma) bad("has a tuple without an end");
    }
  }

  Literal list(int depth) {
    Literal::List result{decltype(Literal::List::items)(&memory_)};
    while (!accept(']')) {
      result.items.push_back(value(depth + 1));
      if (accept(',')) continue;
      if (!accept(']')) bad("has a list without an end");
      break;
    }
    return {std::move(result)};
  }

  Literal dict(int depth) {
    Literal::Dict result{decltype(Literal::Dict::items)(&memory_)};
    result.items.reserve(3);  // what a header has
    while (!accept('}')) {
      Literal key = value(depth + 1);
      if (!accept(':')) bad("has a key without a value");
      Literal item = value(depth + 1);
      result.items.emplace_back(std::move(key), std::move(item));
      if (accept(',')) continue;
      if (!accept('}')) bad("has a dictionary without an end");
      break;
    }
    return {std::move(result)};
  }

  std::string_view text_;
  std::pmr::memory_resource& memory_;
  std::size_t at_ = 0;
  std::size_t items_ = 0;
};

}  // namespace

Literal parse_literal(std::string_view text, std::pmr::memory_resource& memory) {
  return Parser(text, memory).whole();
}

}  // namespace mnemo::detail
