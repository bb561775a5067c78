#pragma once
#include <span>

#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// Whether a DetectNonFinite lives on this thread (and no backward pass is under way, which
/// looks for itself).
bool watching();

/// Throws Error if `result` holds NaN or infinity and no input does.
void expect_finite_result(const char* operation, const Tensor& result,
                          std::span<const Tensor* const> inputs);

/// Runs a rule: the operations inside are not watched each, but what comes out of it is, if a
/// DetectNonFinite lives: throws Error where a gradient is not finite though `incoming` is.
class WatchBackward {
 public:
  WatchBackward();
  ~WatchBackward();
  WatchBackward(const WatchBackward&) = delete;
  WatchBackward& operator=(const WatchBackward&) = delete;
  void expect_finite(const char* operation, const Tensor& incoming,
                     std::span<const Tensor> gradients) const;

 private:
  bool watched_;
};

}  // namespace mnemo::detail
