#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

namespace mnemo {

/// The lengths of a tensor's axes, outermost first. Behaves like a vector of int64; up to four
/// axes are held without an allocation, since a shape is made for every small tensor.
class Shape {
 public:
  Shape() = default;
  ///@{
  /// The lengths as they are given, of which none is checked: `{64, 1, 28, 28}`; `{}` has rank 0.
  Shape(std::initializer_list<std::int64_t> lengths)
      : Shape(std::span(lengths.begin(), lengths.size())) {}
  explicit Shape(std::span<const std::int64_t> lengths) : Shape(lengths.size(), 0) {
    std::copy(lengths.begin(), lengths.end(), begin());
  }
  ///@}
  /// `rank` axes of length `length`.
  Shape(std::size_t rank, std::int64_t length) : rank_(rank) {
    if (on_heap()) inline_[0] = std::bit_cast<std::int64_t>(new std::int64_t[rank]);
    std::fill(begin(), end(), length);
  }
  ///@{
  /// Copies and moves as a vector does.
  Shape(const Shape& other) : inline_(other.inline_) {
    if (other.on_heap()) {
      *this = Shape(std::span(other.begin(), other.rank_));
    } else {
      rank_ = other.rank_;
    }
  }
  Shape(Shape&& other) noexcept : rank_(std::exchange(other.rank_, 0)), inline_(other.inline_) {}
  Shape& operator=(Shape other) noexcept {
    std::swap(rank_, other.rank_);
    std::swap(inline_, other.inline_);
    return *this;
  }
  ///@}
  ~Shape() {
    if (on_heap()) delete[] heap();
  }

  ///@{
  /// As those of std::vector<std::int64_t>; `rank()` is `size()`, and places are not checked.
  std::size_t rank() const { return rank_; }
  std::size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t* begin() { return on_heap() ? heap() : inline_.data(); }
  std::int64_t* end() { return begin() + rank_; }
  const std::int64_t* begin() const { return on_heap() ? heap() : inline_.data(); }
  const std::int64_t* end() const { return begin() + rank_; }
  std::int64_t& operator[](std::size_t axis) { return begin()[axis]; }
  std::int64_t operator[](std::size_t axis) const { return begin()[axis]; }
  std::int64_t back() const { return begin()[rank_ - 1]; }
  operator std::span<const std::int64_t>() const { return {begin(), rank_}; }
  ///@}

  /// The product of the lengths: how many elements a tensor of this shape has (1 for rank 0).
  std::int64_t elements() const {
    std::int64_t count = 1;
    for (std::int64_t length : *this) count *= length;
    return count;
  }

  ///@{
  /// Adds a length at the end, puts one before that of `axis`, takes that of `axis` out.
  void push_back(std::int64_t length);
  void insert(std::size_t axis, std::int64_t length);
  void erase(std::size_t axis);
  ///@}

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  static constexpr std::size_t inline_rank = 4;
  bool on_heap() const { return rank_ > inline_rank; }
  std::int64_t* heap() const { return std::bit_cast<std::int64_t*>(inline_[0]); }

  std::size_t rank_ = 0;
  std::array<std::int64_t, inline_rank> inline_{};  // or, in the first, where the heap has them
};

/// "[64, 1, 28, 28]"
std::string to_string(const Shape& shape);

/// NumPy's broadcasting of two shapes: aligned at the last axis, lengths equal or one of them 1.
/// Throws Error naming `operation` and both shapes where they do not fit.
Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b);

/// Axis counted from the front: -1 becomes rank - 1. Throws Error naming `operation` if out of range.
std::size_t normalize_axis(const char* operation, std::int64_t axis, std::size_t rank);

}  // namespace mnemo
