#include <ostream>
#include <sstream>
#include <xtensor/xadapt.hpp>
#include <xtensor/xio.hpp>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/half.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo {

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  return out << to_string(tensor);
}

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "tensor(undefined)";
  if (tensor.dtype() == DType::float16) {
    std::string text = to_string(cast(tensor, DType::float32));
    return text.replace(text.rfind("float32"), 7, "float16");
  }
  std::ostringstream out;
  out.imbue(std::locale::classic());
  detail::with_any_type(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    if constexpr (!std::is_same_v<T, Half>) {
      const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
      if (tensor.elements() == 0) {
        out << "{}";
      } else if constexpr (sizeof(T) == 1 && !std::is_same_v<T, bool>) {
        // As numbers, not as characters.
        const Tensor wider = cast(tensor, DType::int32);
        out << xt::adapt(wider.data<std::int32_t>(), static_cast<std::size_t>(wider.elements()),
                         xt::no_ownership(), shape);
      } else {
        out << xt::adapt(tensor.data<T>(), static_cast<std::size_t>(tensor.elements()),
                         xt::no_ownership(), shape);
      }
    }
  });
  std::string text = out.str();
  for (char& character : text) {
    if (character == '{') character = '[';
    if (character == '}') character = ']';
  }
  return text + detail::text("  shape=", tensor.shape(), " dtype=", tensor.dtype());
}

}  // namespace mnemo
