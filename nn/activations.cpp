#include "mnemo/nn/activations.hpp"

#include "mnemo/core/detail/text.hpp"

namespace mnemo::nn {

std::string LeakyReLU::describe() const { return detail::text("LeakyReLU(", slope_, ")"); }

}  // namespace mnemo::nn
