#pragma once
#include <string>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

/// What helps to find a mistake in a program that computes.
namespace mnemo {

/// While one of these lives, every differentiable operation on this thread is watched: the first
/// one that makes NaN or infinity out of finite numbers throws Error, which names the operation,
/// whether it was its forward or its backward pass, the place of the number and the shapes. Costs a
/// look at each result.
class DetectNonFinite {
 public:
  DetectNonFinite();
  ~DetectNonFinite();
  DetectNonFinite(const DetectNonFinite&) = delete;
  DetectNonFinite& operator=(const DetectNonFinite&) = delete;

 private:
  bool before_;
};

/// The graph that `result` was computed by, in Graphviz's language: `dot -Tsvg`. Each operation is
/// an ellipse with the shape of its result, each tensor that requires a gradient a box, with its
/// name where `names` has it.
std::string to_dot(const Tensor& result, const Variables& names = {});

}  // namespace mnemo
