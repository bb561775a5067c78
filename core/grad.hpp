#pragma once
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo {

/// While one of these lives, operations on this thread are not recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// Whether operations on this thread are being recorded.
bool recording();

/// What `grad` may do besides the plain gradients of one number.
struct GradOptions {
  /// Record the computation of the gradients too, so that they can be differentiated again.
  bool create_graph = false;
  /// Where an input does not take part in the outputs: leave its gradient out (an undefined tensor,
  /// or no entry among named ones) instead of throwing.
  bool allow_unused = false;
  /// The gradient that flows into each output, in its shape and dtype. May be left out for outputs
  /// of one element: it is 1 then.
  std::vector<Tensor> grad_outputs = {};
};

///@{
/// The gradients of the sum of `outputs` with respect to each of `inputs`, in the shapes of the
/// inputs. Only the part of the graph that leads to `inputs` is computed, and nothing is written
/// anywhere else: there is no hidden gradient field. Throws Error if an output was not recorded, if
/// an input does not take part (see GradOptions), or if a tensor that a derivative needs was
/// written in place since.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});
std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});
///@}

///@{
/// The same for named tensors, such as a model's parameters(): the gradients carry the names of the
/// tensors that they belong to, and the optimizers match them by these.
Variables grad(const std::vector<Tensor>& outputs, const Variables& inputs,
               const GradOptions& options = {});
Variables grad(const Tensor& output, const Variables& inputs, const GradOptions& options = {});
///@}

/// The same elements outside the graph: no gradient flows through.
inline Tensor detach(const Tensor& tensor) { return tensor.detach(); }

}  // namespace mnemo
