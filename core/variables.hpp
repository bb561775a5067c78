#pragma once
#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// A named tensor: the one kind of thing that survives the process.
struct Variable {
  std::string name;  ///< a path: see why_not_a_name
  Tensor tensor;     ///< shares its elements with the live object
};

/// Why `name` cannot name a variable, or an empty string if it can. Names are paths such as
/// `generator/up1/weight`: parts joined by '/', none of them empty, "." or "..", or with a colon at
/// its end, not even where '\\' joins them too; printable UTF-8. They become keys of an .npz archive
/// and files of a folder, so what NumPy or a file system would misread is refused: an ending ".npy",
/// the keys "file" and "allow_pickle", more than 1024 bytes.
std::string why_not_a_name(std::string_view name);

/// An ordered list of named tensors with unique names. The handles share their elements with the
/// live object (a model, an optimizer), so that reading, editing, saving or restoring any state is
/// the same act. Everything that has state answers `variables()` with one of these.
class Variables {
 public:
  Variables() = default;
  /// Adds each, as `add` does.
  Variables(std::initializer_list<Variable> variables);

  /// Throws Error if the name is taken, is not a name, or the tensor is undefined.
  void add(std::string name, Tensor tensor);
  /// Adds each variable of `group` as `prefix/name`. All or none are added.
  void add(std::string_view prefix, const Variables& group);

  ///@{
  /// As those of a vector, in the order of adding; a place is not checked.
  std::size_t size() const { return variables_.size(); }
  bool empty() const { return variables_.empty(); }
  const Variable& operator[](std::size_t index) const { return variables_[index]; }
  std::vector<Variable>::const_iterator begin() const { return variables_.begin(); }
  std::vector<Variable>::const_iterator end() const { return variables_.end(); }
  ///@}

  ///@{
  /// The tensor of that name, or nullptr; and whether there is one.
  const Tensor* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  ///@}
  ///@{
  /// The tensor of that name, by value: the list may be a temporary. Throws Error that lists the
  /// nearest names.
  Tensor at(std::string_view name) const;
  Tensor operator[](std::string_view name) const { return at(name); }
  ///@}

  /// Those whose whole name matches `pattern`: '*' stands for any run of characters, '/' included,
  /// and '?' for one. Throws Error if none does.
  Variables select(std::string_view pattern) const;

  ///@{
  /// The sum of the tensors' elements and bytes.
  std::int64_t elements() const;
  std::size_t bytes() const;
  ///@}

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  std::vector<Variable> variables_;
  std::unordered_map<std::string, std::size_t, NameHash, std::equal_to<>> index_;  // never iterated
};

/// Whether `name` matches `pattern` as `Variables::select` reads it.
bool matches(std::string_view pattern, std::string_view name);

/// The entries of `names` nearest to `name` by edit distance, at most `count`, nearest first; for
/// "did you mean". Entries that share little with it are left out.
std::vector<std::string> nearest_names(std::string_view name, const Variables& variables,
                                       std::size_t count = 3);

/// A table: name, shape, dtype, bytes, and the total.
std::ostream& operator<<(std::ostream& out, const Variables& variables);

}  // namespace mnemo
