#include "mnemo/core/variables.hpp"

#include <algorithm>
#include <ostream>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/detail/utf8.hpp"

namespace mnemo {
namespace {

std::string why_not_a_part(std::string_view part) {
  if (part.empty()) return "has an empty part (at the start, at the end or between two slashes)";
  if (part == "." || part == ".." || part.back() == ':') {  // as in C:/, where it is a drive
    return detail::text("has the part '", part, "'");
  }
  return "";
}

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string why_not_a_name(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > 1024) return "is longer than 1024 bytes";
  if (name == "file" || name == "allow_pickle") return "is an argument of numpy.savez";
  if (name.ends_with(".npy")) return "ends in .npy, which NumPy takes off";
  std::size_t part = 0;  // where it begins
  for (std::size_t at = 0; at < name.size();) {
    const auto byte = static_cast<unsigned char>(name.data()[at]);
    if (byte == '/' || byte == '\\') {
      const std::string reason = why_not_a_part(name.substr(part, at - part));
      if (!reason.empty()) return reason;
      part = at + 1;
    }
    if (byte < 0x20 || byte == 0x7F) return "has a control character";
    const std::size_t length = byte < 0x80 ? 1 : detail::utf8_length(name, at);
    if (length == 0) return "is not valid UTF-8";
    at += length;
  }
  return why_not_a_part(name.substr(part));
}

Variables::Variables(std::initializer_list<Variable> variables) {
  for (const Variable& variable : variables) add(variable.name, variable.tensor);
}

void Variables::add(std::string name, Tensor tensor) {
  const std::string reason = why_not_a_name(name);
  if (!reason.empty()) detail::fail("variables: the name '", name, "' ", reason);
  if (!tensor.defined()) detail::fail("variables: the tensor of '", name, "' is undefined");
  if (!index_.emplace(name, variables_.size()).second) {
    detail::fail("variables: there are two of the name '", name, "'");
  }
  variables_.push_back({std::move(name), std::move(tensor)});
}

void Variables::add(std::string_view prefix, const Variables& group) {
  Variables all = *this;  // so that nothing is added where one of them fails
  for (const Variable& variable : group) {
    all.add(detail::text(prefix, "/", variable.name), variable.tensor);
  }
  *this = std::move(all);
}

const Tensor* Variables::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &variables_[found->second].tensor;
}

Tensor Variables::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::string near;
  for (const std::string& candidate : nearest_names(name, *this)) {
    near += (near.empty() ? "; the nearest are '" : "', '") + candidate;
  }
  if (!near.empty()) near += "'";
  detail::fail("variables: there is none of the name '", name, "' among ", size(), near);
}

Variables Variables::select(std::string_view pattern) const {
  Variables selected;
  for (const Variable& variable : variables_) {
    if (matches(pattern, variable.name)) selected.add(variable.name, variable.tensor);
  }
  if (selected.empty()) {
    detail::fail("variables: none of the ", size(), " names matches the pattern '", pattern, "'");
  }
  return selected;
}

std::int64_t Variables::elements() const {
  std::int64_t count = 0;
  for (const Variable& variable : variables_) count += variable.tensor.elements();
  return count;
}

std::size_t Variables::bytes() const {
  std::size_t count = 0;
  for (const Variable& variable : variables_) count += variable.tensor.bytes();
  return count;
}

bool matches(std::string_view pattern, std::string_view name) {
  // Greedy with one point to go back to, the latest '*': linear in practice, never exponential.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<std::string> nearest_names(std::string_view name, const Variables& variables,
                                       std::size_t count) {
  struct Candidate {
    std::size_t distance;
    std::size_t position;
  };
  std::vector<Candidate> candidates;
  const std::size_t too_far = std::max<std::size_t>(2, name.size() / 2);
  for (std::size_t position = 0; position < variables.size(); ++position) {
    const std::size_t distance = edit_distance(name, variables[position].name);
    if (distance <= too_far) candidates.push_back({distance, position});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.distance < b.distance; });
  std::vector<std::string> names;
  for (const Candidate& candidate : candidates) {
    if (names.size() == count) break;
    names.push_back(variables[candidate.position].name);
  }
  return names;
}

std::ostream& operator<<(std::ostream& out, const Variables& variables) {
  struct Row {
    std::string name, shape, dtype, bytes;
  };
  std::vector<Row> rows{{"name", "shape", "dtype", "bytes"}};
  for (const Variable& variable : variables) {
    rows.push_back({variable.name, to_string(variable.tensor.shape()),
                    std::string(dtype_name(variable.tensor.dtype())),
                    detail::text(variable.tensor.bytes())});
  }
  rows.push_back({detail::text(variables.size(), " tensors"),
                  detail::text(variables.elements(), " elements"), "",
                  detail::text(variables.bytes())});
  std::size_t name = 0;
  std::size_t shape = 0;
  std::size_t bytes = 0;
  for (const Row& row : rows) {
    name = std::max(name, row.name.size());
    shape = std::max(shape, row.shape.size());
    bytes = std::max(bytes, row.bytes.size());
  }
  const auto padding = [](std::size_t width, const std::string& text) {
    return std::string(width - text.size(), ' ');
  };
  for (const Row& row : rows) {
    out << row.name << padding(name, row.name) << "  " << row.shape << padding(shape, row.shape)
        << "  " << row.dtype << padding(8, row.dtype) << padding(bytes, row.bytes) << row.bytes
        << '\n';
  }
  return out;
}

}  // namespace mnemo
