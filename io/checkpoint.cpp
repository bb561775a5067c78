#include "mnemo/io/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/archive.hpp"
#include "mnemo/io/detail/arrays.hpp"
#include "mnemo/io/detail/copy.hpp"
#include "mnemo/io/detail/file.hpp"
#include "mnemo/io/detail/note.hpp"
#include "mnemo/io/detail/shown.hpp"

namespace mnemo::io {
namespace {

using detail::fail;
using detail::StoredArray;
using detail::StoredArrays;
using detail::text;

void save_folder(const std::filesystem::path& path, const Variables& variables, bool durable) {
  detail::AtomicFolder folder(path, durable);
  for (const auto& [name, tensor] : variables) {
    const std::string header = detail::make_npy_header(tensor.shape(), tensor.dtype(),
                                                       text(path.string(), ": '", name, "'"));
    const std::span elements(static_cast<const std::byte*>(tensor.raw()), tensor.bytes());
    const std::array pieces{std::as_bytes(std::span(header)), elements};
    folder.write_file(name + ".npy", pieces);
  }
  folder.commit();
}

/// What is wrong with a file, one line each, to be told at once.
class Problems {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    if (count_++ < most_shown) lines_ += text("\n  ", parts...);
  }
  void throw_if_any(const std::string& where) const {
    if (count_ == 0) return;
    const std::string more =
        count_ > most_shown ? text("\n  and ", count_ - most_shown, " more") : "";
    fail(where, ": does not fit (nothing was loaded):", lines_, more);
  }

 private:
  static constexpr std::size_t most_shown = 200;
  std::size_t count_ = 0;
  std::string lines_;
};

/// The name in the program for a name in the file.
std::string renamed(std::string_view name, const std::map<std::string, std::string>& rename) {
  if (const auto exact = rename.find(std::string(name)); exact != rename.end())
    return exact->second;
  for (const auto& [from, to] : rename) {
    if (!from.ends_with('*') || !to.ends_with('*')) continue;
    const std::string_view prefix(from.data(), from.size() - 1);
    if (name.starts_with(prefix)) {
      return text(std::string_view(to.data(), to.size() - 1), name.substr(prefix.size()));
    }
  }
  return std::string(name);
}

bool wanted(const std::string& name, const std::vector<std::string>& only) {
  return only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& pattern) {
           return matches(pattern, name);
         });
}

std::string guesses(std::string_view name, const std::vector<std::string>& names) {
  Variables candidates;
  for (const std::string& candidate : names) {
    if (why_not_a_name(candidate).empty()) candidates.add(candidate, scalar(0));
  }
  std::string list;
  for (const std::string& near : nearest_names(name, candidates, 1)) {
    list += text("; did you mean '", near, "'?");
  }
  return list;
}

/// Which array of the file belongs to which variable, and all that is wrong.
struct Plan {
  LoadReport report;
  std::vector<const StoredArray*> arrays;
  std::vector<const Variable*> targets;
};

class Planner {
 public:
  Planner(const StoredArrays& stored, const Variables& variables, const LoadOptions& options)
      : stored_(stored), variables_(variables), options_(options) {}

  Plan plan() {
    list_arrays();
    for (const Variable& variable : variables_) place(variable);
    for (const StoredArray& array : stored_.arrays) {
      if (!used_.contains(&array)) extra_.push_back(&array);
    }
    tell_names();
    problems_.throw_if_any(stored_.where);
    return std::move(plan_);
  }

 private:
  void list_arrays() {
    for (const StoredArray& array : stored_.arrays) {
      const auto [place, is_new] = by_name_.emplace(renamed(array.name(), options_.rename), &array);
      if (!is_new) {
        problems_.add("two arrays for '", place->first, "' after renaming: '",
                      place->second->name(), "' and '", array.name(), "'");
      }
    }
    for (const auto& rule : options_.rename) {
      const std::string& from = rule.first;
      if (!from.ends_with('*') &&
          std::none_of(stored_.arrays.begin(), stored_.arrays.end(),
                       [&name = from](const StoredArray& a) { return a.name() == name; })) {
        problems_.add("to be renamed, but not in the file: '", from, "'");
      }
    }
    for (const std::string& pattern : options_.only) {
      if (std::none_of(variables_.begin(), variables_.end(),
                       [&](const Variable& v) { return matches(pattern, v.name); })) {
        problems_.add("no variable of the program matches '", pattern, "'");
      }
    }
  }

  void place(const Variable& variable) {
    const auto found = by_name_.find(variable.name);
    if (found != by_name_.end()) used_.insert(found->second);
    if (!wanted(variable.name, options_.only)) {
      plan_.report.skipped.push_back(variable.name);
    } else if (found == by_name_.end()) {
      plan_.report.missing.push_back(variable.name);
    } else {
      check(variable, *found->second);
      plan_.report.loaded.push_back(variable.name);
      plan_.arrays.push_back(found->second);
      plan_.targets.push_back(&variable);
    }
  }

  void check(const Variable& variable, const StoredArray& array) {
    const detail::NpyHeader& header = array.header;
    const Tensor& tensor = variable.tensor;
    if (header.shape != tensor.shape()) {
      problems_.add("wrong shape: '", variable.name, "' is ", header.shape,
                    " in the file, expected ", tensor.shape());
    }
    const bool converted = options_.allow_float16 && header.dtype == DType::float16 &&
                           tensor.dtype() == DType::float32;
    if (header.dtype != tensor.dtype() && !converted) {
      problems_.add("wrong dtype: '", variable.name, "' is ", header.dtype,
                    " in the file, expected ", tensor.dtype());
    }
  }

  void tell_names() {
    std::vector<std::string> extra;
    for (const StoredArray* array : extra_) extra.emplace_back(array->name());
    constexpr std::size_t most_guessed = 20;  // the edit distance to every name takes time
    if (!options_.allow_missing) {
      for (std::size_t i = 0; i < plan_.report.missing.size(); ++i) {
        const std::string& name = plan_.report.missing[i];
        problems_.add("missing: '", name, "'", i < most_guessed ? guesses(name, extra) : "");
      }
    }
    if (!options_.allow_extra && options_.only.empty()) {
      for (std::size_t i = 0; i < extra.size(); ++i) {
        problems_.add("extra: '", detail::shown(extra[i]), "'",
                      i < most_guessed ? guesses(extra[i], plan_.report.missing) : "");
      }
    }
    plan_.report.extra = std::move(extra);
  }

  const StoredArrays& stored_;
  const Variables& variables_;
  const LoadOptions& options_;
  Plan plan_;
  Problems problems_;
  std::unordered_map<std::string, const StoredArray*> by_name_;
  std::unordered_set<const StoredArray*> used_;
  std::vector<const StoredArray*> extra_;
};

/// Some at a time: all of them may be too much for the memory, and to start costs more than to read a
/// small one.
template <class Arrays, class Take>
void read_in_groups(const Arrays& arrays, const Take& take) {
  constexpr std::uint64_t group_bytes = 16 << 20;
  constexpr std::size_t group_arrays = 1024;
  std::vector<const StoredArray*> group;
  std::uint64_t bytes = 0;
  for (const StoredArray& array : arrays) {
    group.push_back(&array);
    bytes += array.header.data_bytes;
    const bool full = bytes >= group_bytes || group.size() == group_arrays;
    if (!full && &array != &arrays.back()) continue;
    const std::vector<Tensor> tensors = detail::read_arrays(group, Float16::to_float32);
    for (std::size_t i = 0; i < group.size(); ++i) take(*group[i], tensors[i]);
    group.clear();
    bytes = 0;
  }
}

bool all_finite(const Tensor& tensor) {
  const auto finite = [](auto values) {
    return std::all_of(values.begin(), values.end(),
                       [](auto value) { return std::isfinite(value); });
  };
  if (tensor.dtype() == DType::float32) return finite(tensor.span<float>());
  if (tensor.dtype() == DType::float64) return finite(tensor.span<double>());
  return true;
}

}  // namespace

void warn_on_standard_error(const std::string& message) {
  std::fprintf(stderr, "warning: %s\n", message.c_str());
}

void save(const std::filesystem::path& path, const Variables& variables,
          const SaveOptions& options) {
  const std::string name = path.string();
  std::error_code error;
  if (name.ends_with(".npz")) {
    return detail::write_archive(path, variables, options.compression,
                                 detail::make_note(std::nullopt), options.durable);
  }
  if (!name.ends_with(".npy")) {
    if (!name.empty() && (!path.has_extension() || std::filesystem::is_directory(path, error))) {
      return save_folder(path, variables, options.durable);
    }
    fail(name, ": the ending says how to save: .npz, .npy, or / for a folder");
  }
  if (variables.size() != 1) {
    fail(name, ": an .npy file holds one tensor, and these are ", variables.size());
  }
  detail::write_array(path, variables[0].tensor, options.durable);
}

Variables read(const std::filesystem::path& path, const ReadOptions& options) {
  const StoredArrays stored = detail::open_arrays(path);
  Variables variables = detail::read_variables(stored, options.float16);
  detail::warn_of_others(stored, options.warn);
  return variables;
}

LoadReport load(const std::filesystem::path& path, const Variables& variables,
                const LoadOptions& options) {
  const StoredArrays stored = detail::open_arrays(path);
  Plan plan = Planner(stored, variables, options).plan();
  std::vector<Tensor> tensors = detail::read_arrays(plan.arrays, Float16::keep);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const DType dtype = plan.targets[i]->tensor.dtype();
    if (tensors[i].dtype() != dtype) tensors[i] = cast(tensors[i], dtype);
  }
  // From here on nothing can fail.
  for (std::size_t i = 0; i < tensors.size(); ++i)
    detail::copy_elements(tensors[i], plan.targets[i]->tensor);
  detail::warn_of_others(
      stored, [&](const std::string& warning) { plan.report.warnings.push_back(warning); });
  const std::string kernels = detail::other_kernels(stored.comment);
  if (!kernels.empty()) plan.report.warnings.push_back(text(stored.where, ": ", kernels));
  if (options.warn) {
    for (const std::string& warning : plan.report.warnings) options.warn(warning);
  }
  return std::move(plan.report);
}

Verification verify(const std::filesystem::path& path) {
  const StoredArrays stored = detail::open_arrays(path);
  detail::check_names(stored);
  detail::refuse_bombs(stored);
  Verification result;
  read_in_groups(stored.arrays, [&](const StoredArray& array, const Tensor& tensor) {
    ++result.tensors;
    result.bytes += array.header.data_bytes;
    if (!all_finite(tensor)) result.nonfinite.emplace_back(array.name());
  });
  if (!stored.others.empty() && stored.others.front().file) {
    read_in_groups(stored.others, [](const StoredArray&, const Tensor&) {});  // for their checksums
  }
  return result;
}

}  // namespace mnemo::io
