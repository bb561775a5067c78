#include "mnemo/core/batch_norm.hpp"

#include <array>
#include <cmath>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/elementwise.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {

using detail::Unused;

namespace {

// x as [batch, channels, length].
struct Layout {
  std::int64_t batch, channels, length;
  std::int64_t count() const { return batch * length; }
  std::int64_t row(std::int64_t n, std::int64_t c) const { return (n * channels + c) * length; }
};

// Two sums over each row, fixed in order, so that blocks of rows may go to any thread.
struct RowSums {
  double first, second;
};

// What a row adds to the statistics of its channel: its mean, and the squares around that mean. The
// sum is that of the distances from the first element, which keeps its digits far from 0.
template <class T>
RowSums row_statistics(const T* x, std::int64_t length) {
  if (length == 1) return {static_cast<double>(*x), 0.0};
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  const auto count = static_cast<double>(length);
  const Batch first(*x);
  Batch sums(T(0));
  std::int64_t i = 0;
  for (; i + width <= length; i += width) sums += Batch::load_unaligned(x + i) - first;
  double total = static_cast<double>(xsimd::hadd(sums));
  for (; i < length; ++i) total += static_cast<double>(x[i] - *x);
  const double mean = static_cast<double>(*x) + total / count;
  const T near = static_cast<T>(mean);
  const Batch center(near);
  Batch squares(T(0));
  for (i = 0; i + width <= length; i += width) {
    const Batch distance = Batch::load_unaligned(x + i) - center;
    squares += distance * distance;
  }
  double spread = static_cast<double>(xsimd::hadd(squares));
  for (; i < length; ++i) {
    const double distance = static_cast<double>(x[i] - near);
    spread += distance * distance;
  }
  const double rest = mean - static_cast<double>(near);
  return {mean, std::max(0.0, spread - count * rest * rest)};
}

// The sums of g and of g * (x - mean) over a row.
template <class T>
RowSums row_gradient_sums(const T* g, const T* x, T mean, std::int64_t length) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  const Batch center(mean);
  Batch sums(T(0));
  Batch products(T(0));
  std::int64_t i = 0;
  for (; i + width <= length; i += width) {
    const Batch gradient = Batch::load_unaligned(g + i);
    sums += gradient;
    products += gradient * (Batch::load_unaligned(x + i) - center);
  }
  RowSums result{static_cast<double>(xsimd::hadd(sums)),
                 static_cast<double>(xsimd::hadd(products))};
  for (; i < length; ++i) {
    result.first += static_cast<double>(g[i]);
    result.second += static_cast<double>(g[i] * (x[i] - mean));
  }
  return result;
}

// Runs `body(n, c)` over all rows, samples in parallel.
template <class Body>
void for_each_row(const Layout& layout, const Body& body) {
  const std::int64_t row_elements = layout.channels * layout.length;
  const std::int64_t grain =
      std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, row_elements));
  detail::parallel_range(layout.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      for (std::int64_t c = 0; c < layout.channels; ++c) body(n, c);
    }
  });
}

// `rests` is what the means lose by rounding: where they are large beside the deviation, it counts.
template <class T>
void channel_statistics(const T* x, const Layout& layout, T* means, T* rests, T* variances) {
  std::vector<RowSums> rows(static_cast<std::size_t>(layout.batch * layout.channels));
  for_each_row(layout, [&](std::int64_t n, std::int64_t c) {
    rows[static_cast<std::size_t>(n * layout.channels + c)] =
        row_statistics(x + layout.row(n, c), layout.length);
  });
  // Rows of one length each: Chan, Golub and LeVeque 1979 for merging means and squares.
  const auto row = [&](std::int64_t n, std::int64_t c) -> const RowSums& {
    return rows[static_cast<std::size_t>(n * layout.channels + c)];
  };
  for (std::int64_t c = 0; c < layout.channels; ++c) {
    double mean = 0.0;
    for (std::int64_t n = 0; n < layout.batch; ++n) mean += row(n, c).first;
    mean /= static_cast<double>(layout.batch);
    double squares = 0.0;
    for (std::int64_t n = 0; n < layout.batch; ++n) {
      const double distance = row(n, c).first - mean;
      squares += row(n, c).second + static_cast<double>(layout.length) * distance * distance;
    }
    means[c] = static_cast<T>(mean);
    rests[c] = static_cast<T>(mean - static_cast<double>(means[c]));
    variances[c] = static_cast<T>(squares / static_cast<double>(layout.count()));
  }
}

// The mean is taken off before scaling: where it is large beside the deviation, folding it into one
// constant would lose digits.
template <class T>
void normalize_row(const T* x, T mean, T scale, T shift, std::int64_t length, T* result) {
  for (std::int64_t i = 0; i < length; ++i) result[i] = (x[i] - mean) * scale + shift;
}

// What dx of one channel is made of: a g + b (x - mean) + c.
template <class T>
struct RowTerms {
  T of_gradient, of_distance, constant;
};

template <class T>
void gradient_row(const T* g, const T* x, T mean, const RowTerms<T>& terms, std::int64_t length,
                  T* result) {
  for (std::int64_t i = 0; i < length; ++i) {
    result[i] = g[i] * terms.of_gradient + (x[i] - mean) * terms.of_distance + terms.constant;
  }
}

template <class T>
T inverse_deviation(T variance, double epsilon) {
  return static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance) + epsilon));
}

// First derivative: with h = (x - mean) / deviation and m values a channel,
// dbias = sum g, dweight = sum g h, dx = weight / deviation (g - dbias / m - h dweight / m).
template <class T>
void gradients(Pullback& back, const Layout& layout, const Tensor& mean, const Tensor& rest,
               const Tensor& variance, double epsilon) {
  const T* const g = back.gradient().data<T>();
  const Tensor x = back.input(0);
  const T* const data = x.data<T>();
  const T* const means = mean.data<T>();
  std::vector<RowSums> rows(static_cast<std::size_t>(layout.batch * layout.channels));
  for_each_row(layout, [&](std::int64_t n, std::int64_t c) {
    const std::int64_t at = layout.row(n, c);
    rows[static_cast<std::size_t>(n * layout.channels + c)] =
        row_gradient_sums(g + at, data + at, means[c], layout.length);
  });
  Tensor weight_gradient({layout.channels}, x.dtype());
  Tensor bias_gradient({layout.channels}, x.dtype());
  T* const weight_gradients = weight_gradient.mutable_data<T>();
  T* const bias_gradients = bias_gradient.mutable_data<T>();
  std::vector<RowTerms<T>> terms(static_cast<std::size_t>(layout.channels));
  const T* const weights = back.input(1).data<T>();
  const T* const rests = rest.data<T>();
  const T* const variances = variance.data<T>();
  const auto count = static_cast<double>(layout.count());
  for (std::int64_t c = 0; c < layout.channels; ++c) {
    double total = 0.0;
    double product = 0.0;
    for (std::int64_t n = 0; n < layout.batch; ++n) {
      total += rows[static_cast<std::size_t>(n * layout.channels + c)].first;
      product += rows[static_cast<std::size_t>(n * layout.channels + c)].second;
    }
    const double off = static_cast<double>(rests[c]);
    product -= off * total;
    const double inverse = 1.0 / std::sqrt(static_cast<double>(variances[c]) + epsilon);
    const double scale = static_cast<double>(weights[c]) * inverse;
    const double of_distance = -scale * product * inverse * inverse / count;
    bias_gradients[c] = static_cast<T>(total);
    weight_gradients[c] = static_cast<T>(product * inverse);
    terms[static_cast<std::size_t>(c)] = {
        static_cast<T>(scale), static_cast<T>(of_distance),
        static_cast<T>(-scale * total / count - of_distance * off)};
  }
  back.to(0, [&] {
    Tensor result(x.shape(), x.dtype());
    T* const out = result.mutable_data<T>();
    for_each_row(layout, [&](std::int64_t n, std::int64_t c) {
      const std::int64_t at = layout.row(n, c);
      gradient_row(g + at, data + at, means[c], terms[static_cast<std::size_t>(c)], layout.length,
                   out + at);
    });
    return result;
  });
  back.to(1, [&] { return weight_gradient; });
  back.to(2, [&] { return bias_gradient; });
}

// The same function in differentiable operations, for derivatives of higher order.
Tensor definition(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  Reduction over{.axes = {0}, .keepdims = true};
  Shape channels(x.rank(), 1);
  channels[1] = x.size(1);
  for (std::size_t axis = 2; axis < x.rank(); ++axis) {
    over.axes.push_back(static_cast<std::int64_t>(axis));
  }
  const Tensor centered = x - mean(x, over);
  const Tensor deviation = sqrt(mean(square(centered), over) + epsilon);
  return centered / deviation * weight.reshape(channels) + bias.reshape(channels);
}

// `others`: weight and bias, mean and variance.
void expect_channels(const Tensor& x, std::initializer_list<const Tensor*> others) {
  std::vector<const Tensor*> all{&x};
  all.insert(all.end(), others);
  detail::expect_one_dtype("batch_norm", all);
  if (x.rank() < 2) detail::fail("batch_norm: takes [batch, channels, ...], got ", x.shape());
  for (const Tensor* each : others) {
    if (each->shape() == Shape{x.size(1)}) continue;
    detail::fail("batch_norm: weight, bias and statistics should be [", x.size(1), "], found ",
                 each->shape(), " (input ", x.shape(), ")");
  }
}

Layout checked_layout(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  expect_channels(x, {&weight, &bias});
  const std::int64_t rows = x.size(0) * x.size(1);
  const Layout layout{x.size(0), x.size(1), rows == 0 ? 0 : x.elements() / rows};
  if (layout.count() < 2) {
    detail::fail("batch_norm: input ", x.shape(), " has ", layout.count(),
                 " values a channel; training needs at least two to have a variance");
  }
  return layout;
}

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                           double epsilon) {
  const Layout layout = checked_layout(x, weight, bias);
  Tensor output(x.shape(), x.dtype());
  Tensor mean({layout.channels}, x.dtype());
  Tensor rest({layout.channels}, x.dtype());
  Tensor variance({layout.channels}, x.dtype());
  detail::with_float_type("batch_norm", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const data = x.data<T>();
    T* const out = output.mutable_data<T>();
    channel_statistics(data, layout, mean.mutable_data<T>(), rest.mutable_data<T>(),
                       variance.mutable_data<T>());
    const T* const means = mean.data<T>();
    const T* const rests = rest.data<T>();
    const T* const variances = variance.data<T>();
    const T* const scales = weight.data<T>();
    const T* const shifts = bias.data<T>();
    for_each_row(layout, [&](std::int64_t n, std::int64_t c) {
      const T scale = scales[c] * inverse_deviation(variances[c], epsilon);
      const std::int64_t at = layout.row(n, c);
      normalize_row(data + at, means[c], scale, shifts[c] - rests[c] * scale, layout.length,
                    out + at);
    });
  });
  const auto first_order = [layout, mean, rest, variance, epsilon](Pullback& back) {
    detail::with_float_type("batch_norm", back.gradient().dtype(),
                            [&]<class T>(std::type_identity<T>) {
                              gradients<T>(back, layout, mean, rest, variance, epsilon);
                            });
  };
  const auto defined_as = [epsilon](const Tensor& x_, const Tensor& weight_, const Tensor& bias_) {
    return definition(x_, weight_, bias_, epsilon);
  };
  output = record_fused("batch_norm", std::move(output), {.inputs = true}, first_order, defined_as,
                        x, weight, bias);
  return {std::move(output), std::move(mean), std::move(variance)};
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                  const Tensor& variance, double epsilon) {
  expect_channels(x, {&weight, &bias, &mean, &variance});
  Shape along(x.rank(), 1);
  along[1] = x.size(1);
  const Tensor scale = weight / sqrt(variance + epsilon);
  return detail::elementwise(
      "batch_norm",
      [](const auto& v, const auto& m, const auto& s, const auto& b) { return (v - m) * s + b; },
      detail::derivatives(
          [](const auto& g, Unused, Unused, const auto& s, Unused, Unused) { return g * s; },
          [](const auto& g, Unused, Unused, const auto& s, Unused, Unused) { return -(g * s); },
          [](const auto& g, const auto& v, const auto& m, Unused, Unused, Unused) {
            return g * (v - m);
          },
          detail::Unchanged{}),
      x, mean.reshape(along), scale.reshape(along), bias.reshape(along));
}

}  // namespace mnemo
