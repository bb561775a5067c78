#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo {
namespace {

using detail::fail;

bool holds(std::string_view letters, char letter) {
  return letters.find(letter) != std::string_view::npos;
}

// The letters of both operands and the result.
struct Formula {
  std::string a, b, result;
};

void check_letters(std::string_view formula, std::string_view letters, const char* where) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const char letter = letters[i];
    if (letter == '.') fail("einsum: '", formula, "': the ellipsis ... is not supported");
    if (!std::isalpha(static_cast<unsigned char>(letter))) {
      fail("einsum: '", formula, "': '", std::string(1, letter), "' is not a letter");
    }
    if (holds(letters.substr(i + 1), letter)) {
      fail("einsum: '", formula, "': '", std::string(1, letter), "' twice in ", where,
           " (a diagonal) is not supported");
    }
  }
}

Formula parse(std::string_view formula) {
  std::string text(formula);
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  const std::string inputs = text.substr(0, arrow);
  const auto commas = std::count(inputs.begin(), inputs.end(), ',');
  if (commas != 1) {
    fail("einsum: '", formula, "' has ", commas + 1, " operands; exactly two are supported");
  }
  Formula parsed{.a = inputs.substr(0, inputs.find(',')),
                 .b = inputs.substr(inputs.find(',') + 1),
                 .result = {}};
  check_letters(formula, parsed.a, "one operand");
  check_letters(formula, parsed.b, "one operand");
  if (arrow == std::string::npos) {
    for (const char letter : parsed.a + parsed.b) {
      if (holds(parsed.a, letter) != holds(parsed.b, letter)) parsed.result += letter;
    }
    std::sort(parsed.result.begin(), parsed.result.end());
  } else {
    parsed.result = text.substr(arrow + 2);
    check_letters(formula, parsed.result, "the result");
  }
  for (const char letter : parsed.result) {
    if (!holds(parsed.a, letter) && !holds(parsed.b, letter)) {
      fail("einsum: '", formula, "': '", std::string(1, letter), "' is in no operand");
    }
  }
  return parsed;
}

// Sums away the letters that only this operand has.
Tensor without_own(const Tensor& x, std::string& letters, std::string_view other,
                   std::string_view result) {
  std::vector<std::int64_t> axes;
  std::string left;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (holds(other, letters[i]) || holds(result, letters[i])) {
      left += letters[i];
    } else {
      axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  letters = left;
  return axes.empty() ? x : sum(x, {.axes = axes});
}

// x with its axes in the order of `wanted`.
Tensor ordered(const Tensor& x, std::string_view letters, std::string_view wanted) {
  if (letters == wanted) return x;
  std::vector<std::int64_t> order;
  for (const char letter : wanted) order.push_back(static_cast<std::int64_t>(letters.find(letter)));
  return permute(x, order);
}

Shape lengths(const Tensor& x, std::string_view letters, std::string_view wanted) {
  Shape shape;
  for (const char letter : wanted) shape.push_back(x.shape()[letters.find(letter)]);
  return shape;
}

}  // namespace

Tensor einsum(std::string_view formula, const Tensor& a, const Tensor& b) {
  Formula f = parse(formula);
  detail::expect_one_dtype("einsum", std::array{&a, &b});
  if (f.a.size() != a.rank() || f.b.size() != b.rank()) {
    fail("einsum: '", formula, "' does not have the ranks of ", a.shape(), " and ", b.shape());
  }
  const Tensor left = without_own(a, f.a, f.b, f.result);
  const Tensor right = without_own(b, f.b, f.a, f.result);
  // Letters of both in the result; of both but summed; of one.
  std::string batch, summed, rows, columns;
  for (std::size_t i = 0; i < f.a.size(); ++i) {
    const char letter = f.a[i];
    if (!holds(f.b, letter)) {
      rows += letter;
      continue;
    }
    (holds(f.result, letter) ? batch : summed) += letter;
    const std::int64_t other = right.shape()[f.b.find(letter)];
    if (left.shape()[i] != other) {
      fail("einsum: '", formula, "': '", std::string(1, letter), "' is ", left.shape()[i],
           " long in ", a.shape(), " and ", other, " in ", b.shape());
    }
  }
  for (const char letter : f.b) {
    if (!holds(f.a, letter)) columns += letter;
  }
  const Shape batches = lengths(left, f.a, batch);
  const std::int64_t n = batches.elements();
  const std::int64_t m = lengths(left, f.a, rows).elements();
  const std::int64_t k = lengths(left, f.a, summed).elements();
  const std::int64_t p = lengths(right, f.b, columns).elements();
  // A side that already lies transposed is multiplied as such.
  const bool transpose_a = f.a == batch + summed + rows;
  const bool transpose_b = f.b == batch + columns + summed;
  const Tensor x = transpose_a ? left.reshape({n, k, m})
                               : ordered(left, f.a, batch + rows + summed).reshape({n, m, k});
  const Tensor y = transpose_b ? right.reshape({n, p, k})
                               : ordered(right, f.b, batch + summed + columns).reshape({n, k, p});
  Shape shape = batches;
  for (const std::int64_t length : lengths(left, f.a, rows)) shape.push_back(length);
  for (const std::int64_t length : lengths(right, f.b, columns)) shape.push_back(length);
  return ordered(matmul(x, y, transpose_a, transpose_b).reshape(shape), batch + rows + columns,
                 f.result);
}

}  // namespace mnemo
