#include "mnemo/core/conv.hpp"

#include <algorithm>
#include <array>
#include <string_view>

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
Tensor output_of(const ConvGeometry& geometry, const Tensor& x, const Tensor& w,
                 const Tensor& bias);
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
  return record("conv_transpose2d", std::move(x), {.inputs = true, .only = 0b011}, rule, u, w,
                bias);
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

// A call as the user wrote it: one along one axis is computed along two, the first of length 1.
struct Call {
  const char* name;
  bool line;

  Shape shape(const Tensor& tensor) const {
    Shape shown = tensor.shape();
    if (line && shown.rank() == 4) shown.erase(2);
    return shown;
  }
};

void check_pair(const Call& call, const char* label, const Pair& pair, std::int64_t least) {
  constexpr std::int64_t most = std::int64_t{1} << 30;  // so that no size overflows
  if (std::min(pair.height, pair.width) >= least && std::max(pair.height, pair.width) <= most)
    return;
  detail::fail(call.name, ": ", label, " [", pair.height, ", ", pair.width, "] must be ",
               least > 0 ? "at least 1" : "non-negative", " (and at most ", most, ")");
}

void check_options(const Call& call, const Pair& stride, const Pair& padding, const Pair& dilation,
                   std::int64_t groups) {
  check_pair(call, "stride", stride, 1);
  check_pair(call, "padding", padding, 0);
  check_pair(call, "dilation", dilation, 1);
  if (groups < 1) detail::fail(call.name, ": ", groups, " groups; at least 1 is needed");
}

// `per_group` channels of the input and `out_channels` of the result, as the weight says.
void check_tensors(const Call& call, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   std::int64_t groups, bool transposed) {
  const char* const name = call.name;
  if (x.rank(name) != 4 || weight.rank(name) != 4) {
    const int rank = call.line ? 3 : 4;
    detail::fail(name, ": takes an input and a weight of rank ", rank, ", got input ",
                 call.shape(x), " and weight ", call.shape(weight));
  }
  detail::expect_one_dtype(name, std::array{&x, &weight});
  if (bias.defined()) detail::expect_one_dtype(name, std::array{&x, &bias});
  detail::with_float_type(name, x.dtype(), [](auto) {});
  if (weight.size(0) < 1 || weight.size(1) < 1 || weight.size(2) < 1 || weight.size(3) < 1) {
    detail::fail(name, ": the kernel of weight ", call.shape(weight), " is empty");
  }
  if (weight.size(0) % groups != 0) {
    detail::fail(name, ": ", groups, " groups do not divide the first length of weight ",
                 call.shape(weight));
  }
  const std::int64_t expected = transposed ? weight.size(0) : weight.size(1) * groups;
  if (x.size(1) != expected) {
    detail::fail(name, ": input has ", x.size(1), " channels, weight ", call.shape(weight),
                 " expects ", expected, " (input ", call.shape(x), ")");
  }
  const std::int64_t out_channels = transposed ? weight.size(1) * groups : weight.size(0);
  if (bias.defined() && !(bias.shape() == Shape{out_channels})) {
    detail::fail(name, ": bias ", bias.shape(), " should be [", out_channels, "] (weight ",
                 call.shape(weight), ")");
  }
}

// Where there is one window only, its distance to the next does not matter, however large it is.
void forget_unused_strides(ConvGeometry& g) {
  if (g.out_height == 1) g.stride_height = 1;
  if (g.out_width == 1) g.stride_width = 1;
}

Tensor convolve(const Call& call, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const ConvOptions& options) {
  const auto& [stride, padding, dilation, groups] = options;
  check_options(call, stride, padding, dilation, groups);
  check_tensors(call, x, weight, bias, groups, false);
  if (padding.same && (stride.height > 1 || stride.width > 1)) {
    detail::fail(call.name, ": padding \"same\" needs stride 1, got [", stride.height, ", ",
                 stride.width, "]");
  }
  ConvGeometry g{.batch = x.size(0),
                 .in_channels = x.size(1),
                 .in_height = x.size(2),
                 .in_width = x.size(3),
                 .out_channels = weight.size(0),
                 .out_height = 0,
                 .out_width = 0,
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
  if (padding.same) {
    const std::int64_t height = dilation.height * (g.kernel_height - 1);
    const std::int64_t width = dilation.width * (g.kernel_width - 1);
    g.pad_top = height / 2;
    g.pad_left = width / 2;
    g.pad_bottom = height - g.pad_top;
    g.pad_right = width - g.pad_left;
  }
  const auto out_length = [](std::int64_t in, std::int64_t kernel, std::int64_t pad,
                             std::int64_t step, std::int64_t spread) {
    const std::int64_t room = in + pad - spread * (kernel - 1) - 1;
    return room < 0 ? 0 : room / step + 1;
  };
  g.out_height = out_length(g.in_height, g.kernel_height, g.pad_top + g.pad_bottom, stride.height,
                            dilation.height);
  g.out_width = out_length(g.in_width, g.kernel_width, g.pad_left + g.pad_right, stride.width,
                           dilation.width);
  if (g.out_height < 1 || g.out_width < 1) {
    detail::fail(call.name, ": the kernel of weight ", call.shape(weight), " is larger than input ",
                 call.shape(x), " with its padding");
  }
  forget_unused_strides(g);
  return output_of(g, x, weight, bias);
}

Tensor convolve_transposed(const Call& call, const Tensor& x, const Tensor& weight,
                           const Tensor& bias, const ConvTransposeOptions& options) {
  const auto& [stride, padding, extra, dilation, groups] = options;
  check_options(call, stride, padding, dilation, groups);
  check_tensors(call, x, weight, bias, groups, true);
  const auto fits = [](std::int64_t extra_, std::int64_t step, std::int64_t spread) {
    return extra_ >= 0 && (extra_ < step || extra_ < spread);
  };
  if (!fits(extra.height, stride.height, dilation.height) ||
      !fits(extra.width, stride.width, dilation.width)) {
    detail::fail(call.name, ": output_padding [", extra.height, ", ", extra.width,
                 "] must be at least 0 and below stride or dilation");
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
    detail::fail(call.name, ": input ", call.shape(x), " and weight ", call.shape(weight),
                 " leave nothing of the result after taking off the padding [", padding.height,
                 ", ", padding.width, "]");
  }
  forget_unused_strides(g);
  return input_of(g, x, weight, bias);
}

// [batch, channels, length] as an image of one row.
Tensor as_image(const Tensor& x) {
  return x.rank() == 3 ? x.reshape({x.size(0), x.size(1), 1, x.size(2)}) : x;
}

// An option of a call along one axis, for the axis of length 1 and the other one.
Pair along_line(const Call& call, const char* label, const Pair& pair, std::int64_t across) {
  if (pair.height != pair.width) {
    detail::fail(call.name, ": ", label, " [", pair.height, ", ", pair.width,
                 "] should be one number");
  }
  return {across, pair.width};
}

void check_ranks_of_line(const Call& call, const Tensor& x, const Tensor& weight) {
  if (x.rank(call.name) == 3 && weight.rank(call.name) == 3) return;
  detail::fail(call.name, ": takes an input and a weight of rank 3, got input ", x.shape(),
               " and weight ", weight.shape());
}

}  // namespace

Padding::Padding(const char* text) : Pair(0), same(true) {
  if (std::string_view(text) != "same") {
    detail::fail("padding: \"", text, "\" is neither a number nor a pair nor \"same\"");
  }
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  return convolve({"conv2d", false}, x, weight, bias, options);
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  return convolve_transposed({"conv_transpose2d", false}, x, weight, bias, options);
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  const Call call{"conv1d", true};
  check_ranks_of_line(call, x, weight);
  ConvOptions flat{.stride = along_line(call, "stride", options.stride, 1),
                   .padding = along_line(call, "padding", options.padding, 0),
                   .dilation = along_line(call, "dilation", options.dilation, 1),
                   .groups = options.groups};
  flat.padding.same = options.padding.same;
  const Tensor y = convolve(call, as_image(x), as_image(weight), bias, flat);
  return y.reshape({y.size(0), y.size(1), y.size(3)});
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  const Call call{"conv_transpose1d", true};
  check_ranks_of_line(call, x, weight);
  const ConvTransposeOptions flat{
      .stride = along_line(call, "stride", options.stride, 1),
      .padding = along_line(call, "padding", options.padding, 0),
      .output_padding = along_line(call, "output_padding", options.output_padding, 0),
      .dilation = along_line(call, "dilation", options.dilation, 1),
      .groups = options.groups};
  const Tensor y = convolve_transposed(call, as_image(x), as_image(weight), bias, flat);
  return y.reshape({y.size(0), y.size(1), y.size(3)});
}

}  // namespace mnemo
