#include "mnemo/core/conv.hpp"

#include <array>

#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/conv_kernels.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

using detail::ConvGeometry;

// u·conv(x, w) is linear in x, w and u. Its derivatives in u, x and w are these three operations,
// so each one's rule consists of the other two.
Tensor output_of(const ConvGeometry& geometry, const Tensor& x, const Tensor& w, const Tensor& bias);
Tensor input_of(const ConvGeometry& geometry, const Tensor& u, const Tensor& w, const Tensor& bias);
Tensor weight_of(const ConvGeometry& geometry, const Tensor& x, const Tensor& u);

Tensor sum_to_channels(const Tensor& g) { return sum(g, {.axes = {0, 2, 3}}); }

template <class T>
const T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

Tensor output_of(const ConvGeometry& geometry, const Tensor& x, const Tensor& w,
                 const Tensor& bias) {
  const ConvGeometry& g = geometry;
  Tensor y({g.batch, g.out_channels, g.out_height, g.out_width}, x.dtype());
  detail::with_float_type("conv2d", x.dtype(), [&]<class T>(std::type_identity<T>) {
    detail::conv_output<T>(g, x.data<T>(), w.data<T>(), data_or_null<T>(bias), y.mutable_data<T>());
  });
  const auto rule = [geometry](Pullback& back) {
    back.to(0, [&] { return input_of(geometry, back.gradient(), back.input(1), {}); });
    back.to(1, [&] { return weight_of(geometry, back.input(0), back.gradient()); });
    back.to(2, [&] { return sum_to_channels(back.gradient()); });
  };
  return record("conv2d", std::move(y), {.inputs = true, .only = 0b011}, rule, x, w, bias);
}

Tensor input_of(const ConvGeometry& geometry, const Tensor& u, const Tensor& w,
                const Tensor& bias) {
  const ConvGeometry& g = geometry;
  Tensor x({g.batch, g.in_channels, g.in_height, g.in_width}, u.dtype());
  detail::with_float_type("conv_transpose2d", u.dtype(), [&]<class T>(std::type_identity<T>) {
    detail::conv_input<T>(g, u.data<T>(), w.data<T>(), data_or_null<T>(bias), x.mutable_data<T>());
  });
  const auto rule = [geometry](Pullback& back) {
    back.to(0, [&] { return output_of(geometry, back.gradient(), back.input(1), {}); });
    back.to(1, [&] { return weight_of(geometry, back.gradient(), back.input(0)); });
    back.to(2, [&] { return sum_to_channels(back.gradient()); });
  };
  return record("conv_transpose2d", std::move(x), {.inputs = true, .only = 0b011}, rule, u, w, bias);
}

Tensor weight_of(const ConvGeometry& geometry, const Tensor& x, const Tensor& u) {
  const ConvGeometry& g = geometry;
  Tensor w({g.out_channels, g.in_channels / g.groups, g.kernel_height, g.kernel_width}, x.dtype());
  detail::with_float_type("conv2d_weight", x.dtype(), [&]<class T>(std::type_identity<T>) {
    detail::conv_weight<T>(g, x.data<T>(), u.data<T>(), w.mutable_data<T>());
  });
  const auto rule = [geometry](Pullback& back) {
    back.to(0, [&] { return input_of(geometry, back.input(1), back.gradient(), {}); });
    back.to(1, [&] { return output_of(geometry, back.input(0), back.gradient(), {}); });
  };
  return record("conv2d_weight", std::move(w), {.inputs = true}, rule, x, u);
}

void check_options(const char* name, const Pair& stride, const Pair& padding, const Pair& dilation,
                   std::int64_t groups) {
  const auto below = [](const Pair& pair, std::int64_t least) {
    return pair.height < least || pair.width < least;
  };
  if (below(stride, 1)) {
    detail::fail(name, ": stride [", stride.height, ", ", stride.width, "] must be at least 1");
  }
  if (below(padding, 0)) {
    detail::fail(name, ": padding [", padding.height, ", ", padding.width, "] must not be negative");
  }
  if (below(dilation, 1)) {
    detail::fail(name, ": dilation [", dilation.height, ", ", dilation.width,
                 "] must be at least 1");
  }
  if (groups < 1) detail::fail(name, ": ", groups, " groups; at least 1 is needed");
}

// `weight_in` and `weight_out` are the axes of the weight that hold input and output channels; the
// second one of each layout is divided by the groups.
void check_tensors(const char* name, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   std::int64_t expected_channels, std::int64_t out_channels,
                   std::int64_t first_axis, std::int64_t groups) {
  if (x.rank() != 4 || weight.rank() != 4) {
    detail::fail(name, ": takes an input and a weight of rank 4, got input ", x.shape(),
                 " and weight ", weight.shape());
  }
  if (weight.size(2) < 1 || weight.size(3) < 1) {
    detail::fail(name, ": the kernel of weight ", weight.shape(), " is empty");
  }
  if (first_axis % groups != 0) {
    detail::fail(name, ": ", groups, " groups do not divide the first length of weight ",
                 weight.shape());
  }
  if (x.size(1) != expected_channels) {
    detail::fail(name, ": input has ", x.size(1), " channels, weight ", weight.shape(), " expects ",
                 expected_channels, " (input ", x.shape(), ")");
  }
  if (bias.defined() && !(bias.shape() == Shape{out_channels})) {
    detail::fail(name, ": bias ", bias.shape(), " should be [", out_channels, "] (weight ",
                 weight.shape(), ")");
  }
  detail::expect_one_dtype(name, std::array{&x, &weight});
  if (bias.defined()) detail::expect_one_dtype(name, std::array{&x, &bias});
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  constexpr const char* name = "conv2d";
  const auto& [stride, padding, dilation, groups] = options;
  check_options(name, stride, padding, dilation, groups);
  if (x.rank() == 4 && weight.rank() == 4) {
    check_tensors(name, x, weight, bias, weight.size(1) * groups, weight.size(0), weight.size(0),
                  groups);
  } else {
    check_tensors(name, x, weight, bias, 0, 0, 0, 1);
  }
  const auto out_length = [](std::int64_t in, std::int64_t kernel, std::int64_t pad,
                             std::int64_t step, std::int64_t spread) {
    const std::int64_t room = in + 2 * pad - spread * (kernel - 1) - 1;
    return room < 0 ? 0 : room / step + 1;
  };
  ConvGeometry g{.batch = x.size(0),
                 .in_channels = x.size(1),
                 .in_height = x.size(2),
                 .in_width = x.size(3),
                 .out_channels = weight.size(0),
                 .out_height = out_length(x.size(2), weight.size(2), padding.height, stride.height,
                                          dilation.height),
                 .out_width = out_length(x.size(3), weight.size(3), padding.width, stride.width,
                                         dilation.width),
                 .kernel_height = weight.size(2),
                 .kernel_width = weight.size(3),
                 .stride_height = stride.height,
                 .stride_width = stride.width,
                 .pad_top = padding.height,
                 .pad_left = padding.width,
                 .pad_bottom = padding.height,
                 .pad_right = padding.width,
                 .dilation_height = dilation.height,
                 .dilation_width = dilation.width,
                 .groups = groups};
  if (g.out_height < 1 || g.out_width < 1) {
    detail::fail(name, ": the kernel of weight ", weight.shape(), " is larger than input ",
                 x.shape(), " with its padding");
  }
  return output_of(g, x, weight, bias);
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  constexpr const char* name = "conv_transpose2d";
  const auto& [stride, padding, extra, dilation, groups] = options;
  check_options(name, stride, padding, dilation, groups);
  const auto fits = [](std::int64_t extra_, std::int64_t step, std::int64_t spread) {
    return extra_ >= 0 && (extra_ < step || extra_ < spread);
  };
  if (!fits(extra.height, stride.height, dilation.height) ||
      !fits(extra.width, stride.width, dilation.width)) {
    detail::fail(name, ": output_padding [", extra.height, ", ", extra.width,
                 "] must be at least 0 and below stride or dilation");
  }
  if (x.rank() == 4 && weight.rank() == 4) {
    check_tensors(name, x, weight, bias, weight.size(0), weight.size(1) * groups, weight.size(0),
                  groups);
  } else {
    check_tensors(name, x, weight, bias, 0, 0, 0, 1);
  }
  const auto out_length = [](std::int64_t in, std::int64_t kernel, std::int64_t pad,
                             std::int64_t add, std::int64_t step, std::int64_t spread) {
    return (in - 1) * step - 2 * pad + spread * (kernel - 1) + add + 1;
  };
  // The geometry of the convolution that this one is the adjoint of: its input is our result.
  ConvGeometry g{.batch = x.size(0),
                 .in_channels = weight.size(1) * groups,
                 .in_height = out_length(x.size(2), weight.size(2), padding.height, extra.height,
                                         stride.height, dilation.height),
                 .in_width = out_length(x.size(3), weight.size(3), padding.width, extra.width,
                                        stride.width, dilation.width),
                 .out_channels = x.size(1),
                 .out_height = x.size(2),
                 .out_width = x.size(3),
                 .kernel_height = weight.size(2),
                 .kernel_width = weight.size(3),
                 .stride_height = stride.height,
                 .stride_width = stride.width,
                 .pad_top = padding.height,
                 .pad_left = padding.width,
                 .pad_bottom = padding.height,
                 .pad_right = padding.width,
                 .dilation_height = dilation.height,
                 .dilation_width = dilation.width,
                 .groups = groups};
  if (g.in_height < 1 || g.in_width < 1 || x.size(2) < 1 || x.size(3) < 1) {
    detail::fail(name, ": input ", x.shape(), " and weight ", weight.shape(),
                 " leave nothing of the result after taking off the padding [", padding.height, ", ",
                 padding.width, "]");
  }
  return input_of(g, x, weight, bias);
}

}  // namespace mnemo
