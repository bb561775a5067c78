#pragma once
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "mnemo/core/detail/graph_object.hpp"
#include "mnemo/core/dtype.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/core/ref.hpp"
#include "mnemo/core/shape.hpp"
#include "mnemo/core/storage.hpp"

namespace mnemo {

class Node;
///@{
/// Count references to a node where its type is not known yet (see Ref).
void add_reference(const Node* node);
void drop_reference(Node* node);
///@}

/// A handle to an n-dimensional array, contiguous and row-major. Copying a Tensor copies the handle;
/// both see the same elements (`clone()` copies those). A tensor made by an operation while
/// recording is on remembers how it was made, and `grad` differentiates it.
class Tensor {
 public:
  /// A handle to nothing: `defined()` is false and every other call throws Error.
  Tensor() = default;
  /// Uninitialised elements.
  Tensor(Shape shape, DType dtype);
  /// `storage` seen as `shape` of `dtype`. Throws Error if it holds fewer bytes than that.
  Tensor(Ref<Storage> storage, Shape shape, DType dtype);

  /// Whether this leads to a tensor.
  bool defined() const { return static_cast<bool>(body_); }
  ///@{
  /// The lengths of the axes, their number, the type of the elements. An undefined tensor throws
  /// Error, which names `caller`, by default the function that asks.
  const Shape& shape(const char* caller = __builtin_FUNCTION()) const { return body(caller).shape; }
  std::size_t rank(const char* caller = __builtin_FUNCTION()) const { return shape(caller).rank(); }
  DType dtype(const char* caller = __builtin_FUNCTION()) const { return body(caller).dtype; }
  ///@}
  /// Length of one axis; -1 is the last. Throws Error if there is no such axis.
  std::int64_t size(std::int64_t axis, const char* caller = __builtin_FUNCTION()) const;
  /// The number of elements: the product of the lengths, 1 for rank 0.
  std::int64_t elements() const { return body().shape.elements(); }
  /// The size of the elements: elements() times item_size(dtype()).
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * item_size(dtype()); }

  ///@{
  /// The elements, to read. Throws Error if T is not the C++ type of `dtype()`.
  template <class T>
  const T* data() const {
    expect_dtype(dtype_of<T>);
    return static_cast<const T*>(raw());
  }
  template <class T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<std::size_t>(elements())};
  }
  ///@}
  ///@{
  /// The elements, to write. Counts as a write in place: a derivative that was recorded with the old
  /// values will refuse to be used. Fetch it anew for each round of writing.
  template <class T>
  T* mutable_data() const {
    expect_dtype(dtype_of<T>);
    return static_cast<T*>(mutable_raw());
  }
  template <class T>
  std::span<T> mutable_span() const {
    return {mutable_data<T>(), static_cast<std::size_t>(elements())};
  }
  ///@}
  ///@{
  /// The same whatever the dtype, for code that asks for it elsewhere.
  const void* raw() const { return body().storage->data(); }
  void* mutable_raw() const {
    body().storage->written();
    return body().storage->data();
  }
  ///@}

  /// The only element, whatever its dtype, as a double. Throws Error if there is not exactly one.
  double item() const;
  /// One element, by its index along each axis (negative counts from the end), as a double.
  double at(std::initializer_list<std::int64_t> index) const;

  /// A copy of the elements in storage of its own, outside the graph.
  Tensor clone() const;
  /// The same elements, shared, outside the graph.
  Tensor detach() const;
  /// The same elements, shared, seen as another shape (one length may be -1). Differentiable.
  Tensor reshape(const Shape& shape) const;
  /// Copies `source` into these elements in place. Throws Error where shape or dtype differ, or
  /// where this tensor is recorded in a graph.
  void assign(const Tensor& source) const;
  /// Sets every element, in place.
  void fill(double value) const;

  /// Whether operations on this tensor are recorded, so that it can be differentiated against.
  bool requires_grad() const { return static_cast<bool>(body().node); }
  /// Starts or stops recording for a tensor that no operation made, and returns the same tensor.
  /// Throws Error for another dtype than float32 and float64, or for the result of an operation.
  const Tensor& set_requires_grad(bool on = true) const;
  /// Whether no recorded operation made this tensor.
  bool is_leaf() const;

  /// Whether both handles lead to the same elements.
  bool shares_storage_with(const Tensor& other) const {
    return body().storage == other.body().storage;
  }
  /// The count of writes in place to these elements, through any handle.
  std::uint32_t version() const { return body().storage->version(); }

  /// The operation that made it, or the leaf that it is; null where it is not recorded.
  const Ref<Node>& node() const { return body().node; }
  /// The bytes that it shares with its other handles, detach() and reshape().
  const Ref<Storage>& storage() const { return body().storage; }
  /// Whether this handle is the only way to the elements, so that they can be overwritten unseen.
  bool exclusive() const {
    return body_ && body_->unique() && body_->storage->unique() && body_->storage->owned();
  }
  /// How many handles are copies of this one, itself included.
  std::uint32_t handles() const { return body().references(); }
  /// The same elements as the result of `node`.
  Tensor with_node(Ref<Node> node) &&;

 private:
  // One line of the cache: large graphs are made of these.
  struct Body : RefCounted, detail::GraphObject {
    Body(Ref<Storage> storage_, Shape&& shape_, DType dtype_)
        : dtype(dtype_), storage(std::move(storage_)), shape(std::move(shape_)) {}
    DType dtype;
    Ref<Storage> storage;
    Ref<Node> node;  // null outside the graph
    Shape shape;
    friend void destroy(Body* body) noexcept { delete body; }
  };

  Body& body(const char* caller = "tensor") const {
    if (!body_) throw_undefined(caller);
    return *body_;
  }
  [[noreturn]] static void throw_undefined(const char* caller);
  void expect_dtype(DType expected) const;

  Ref<Body> body_;
};

/// Uninitialised elements, to be written before they are read.
Tensor empty(const Shape& shape, DType dtype = DType::float32);
///@{
/// Every element 0, 1, or `value`. Throws Error for a value that the dtype cannot hold.
Tensor zeros(const Shape& shape, DType dtype = DType::float32);
Tensor ones(const Shape& shape, DType dtype = DType::float32);
Tensor full(const Shape& shape, double value, DType dtype = DType::float32);
///@}
///@{
/// With the shape and the dtype of another tensor.
Tensor zeros_like(const Tensor& tensor);
Tensor ones_like(const Tensor& tensor);
///@}

/// A tensor of rank 0.
Tensor scalar(double value, DType dtype = DType::float32);

///@{
/// A copy of `values` as a tensor of `shape`. Throws Error if the counts differ.
template <class T>
Tensor from_values(std::span<const T> values, const Shape& shape);
template <class T>
Tensor from_values(const std::vector<T>& values, const Shape& shape) {
  return from_values(std::span<const T>(values), shape);
}
///@}
/// `tensor({1.0f, 2.0f, 3.0f})`: a tensor of rank 1.
template <class T>
Tensor tensor(std::initializer_list<T> values) {
  return from_values(std::span<const T>(values.begin(), values.size()),
                     {static_cast<std::int64_t>(values.size())});
}

/// The elements converted to another dtype (a copy also where it is the same one). Differentiable
/// between float32 and float64. float to integer truncates towards zero; values that the target
/// cannot hold, NaN included, throw Error.
Tensor cast(const Tensor& tensor, DType dtype);

///@{
/// As NumPy prints an array: nested brackets, long axes abbreviated, then shape and dtype.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);
std::string to_string(const Tensor& tensor);
///@}

}  // namespace mnemo
