#include "mnemo/core/detail/conv_kernels.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "mnemo/core/parallel.hpp"

using mnemo::detail::ConvGeometry;

namespace {

// The reference: each product x * w * u that the form u·conv(x, w) sums, row by row: `visit` gets
// where in x, w and u the first of `count` products takes its factors; the next takes x `stride_width`
// further, u one further and w from the same place.
template <class Visit>
void for_each_row(const ConvGeometry& g, const Visit& visit) {
  const std::int64_t in = g.in_channels / g.groups, out = g.out_channels / g.groups;
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t o = 0; o < g.out_channels; ++o)
      for (std::int64_t c = 0; c < in; ++c)
        for (std::int64_t ky = 0; ky < g.kernel_height; ++ky)
          for (std::int64_t kx = 0; kx < g.kernel_width; ++kx)
            for (std::int64_t oy = 0; oy < g.out_height; ++oy) {
              const std::int64_t iy = oy * g.stride_height + ky * g.dilation_height - g.pad_top;
              if (iy < 0 || iy >= g.in_height) continue;
              const auto ix = [&](std::int64_t ox) {
                return ox * g.stride_width + kx * g.dilation_width - g.pad_left;
              };
              std::int64_t first = 0, last = g.out_width;
              while (first < last && ix(first) < 0) ++first;
              while (first < last && ix(last - 1) >= g.in_width) --last;
              if (first == last) continue;
              const std::int64_t channel = o / out * in + c;
              visit(((n * g.in_channels + channel) * g.in_height + iy) * g.in_width + ix(first),
                    ((o * in + c) * g.kernel_height + ky) * g.kernel_width + kx,
                    ((n * g.out_channels + o) * g.out_height + oy) * g.out_width + first,
                    last - first);
            }
}

std::int64_t x_size(const ConvGeometry& g) {
  return g.batch * g.in_channels * g.in_height * g.in_width;
}
std::int64_t w_size(const ConvGeometry& g) {
  return g.out_channels * (g.in_channels / g.groups) * g.kernel_height * g.kernel_width;
}
std::int64_t y_size(const ConvGeometry& g) {
  return g.batch * g.out_channels * g.out_height * g.out_width;
}

std::string describe(const ConvGeometry& g) {
  const std::int64_t all[] = {g.batch,          g.in_channels,   g.in_height,    g.in_width,
                              g.out_channels,   g.out_height,    g.out_width,    g.kernel_height,
                              g.kernel_width,   g.stride_height, g.stride_width, g.pad_top,
                              g.pad_left,       g.pad_bottom,    g.pad_right,    g.dilation_height,
                              g.dilation_width, g.groups};
  std::string text;
  for (const std::int64_t value : all) text += std::to_string(value) + " ";
  return text;
}

// Output sizes from the others; negative where the kernel does not fit.
void set_output(ConvGeometry& g) {
  const auto out = [](std::int64_t in, std::int64_t pads, std::int64_t kernel, std::int64_t stride,
                      std::int64_t dilation) {
    const std::int64_t room = in + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? -1 : room / stride + 1;
  };
  g.out_height = out(g.in_height, g.pad_top + g.pad_bottom, g.kernel_height, g.stride_height,
                     g.dilation_height);
  g.out_width =
      out(g.in_width, g.pad_left + g.pad_right, g.kernel_width, g.stride_width, g.dilation_width);
}

ConvGeometry geometry(std::int64_t batch, std::int64_t in, std::int64_t size, std::int64_t out,
                      std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  ConvGeometry g{};
  g.batch = batch;
  g.in_channels = in;
  g.in_height = g.in_width = size;
  g.out_channels = out;
  g.kernel_height = g.kernel_width = kernel;
  g.stride_height = g.stride_width = stride;
  g.pad_top = g.pad_left = g.pad_bottom = g.pad_right = pad;
  set_output(g);
  return g;
}

template <class T>
std::vector<T> random_values(std::int64_t count, std::mt19937_64& random) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values)
    value = static_cast<T>(static_cast<double>(random() >> 40) / (1 << 23) - 1);
  return values;
}

template <class T>
struct Data {
  std::vector<T> x, w, u, out_bias, in_bias;
  Data(const ConvGeometry& g, std::mt19937_64& random)
      : x(random_values<T>(x_size(g), random)),
        w(random_values<T>(w_size(g), random)),
        u(random_values<T>(y_size(g), random)),
        out_bias(random_values<T>(g.out_channels, random)),
        in_bias(random_values<T>(g.in_channels, random)) {}
  template <class Other>
  explicit Data(const Data<Other>& d)  // the same numbers
      : x(d.x.begin(), d.x.end()),
        w(d.w.begin(), d.w.end()),
        u(d.u.begin(), d.u.end()),
        out_bias(d.out_bias.begin(), d.out_bias.end()),
        in_bias(d.in_bias.begin(), d.in_bias.end()) {}
};

template <class T>
struct Results {
  std::vector<T> y, x, w;
};

// Computed into NaN, so that what is not written shows, as does what is read before.
template <class T>
Results<T> run(const ConvGeometry& g, const Data<T>& d, bool with_bias) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  Results<T> r{std::vector<T>(d.u.size(), nan), std::vector<T>(d.x.size(), nan),
               std::vector<T>(d.w.size(), nan)};
  conv_output(g, d.x.data(), d.w.data(), with_bias ? d.out_bias.data() : nullptr, r.y.data());
  conv_input(g, d.u.data(), d.w.data(), with_bias ? d.in_bias.data() : nullptr, r.x.data());
  conv_weight(g, d.x.data(), d.u.data(), r.w.data());
  return r;
}

// The largest error, in units of the largest sum of absolute products that makes up an element.
template <class T>
double error(const std::vector<T>& found, const std::vector<double>& expected,
             const std::vector<double>& magnitude) {
  double worst = 0, unit = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - expected[i]);
    worst = difference >= worst ? difference : std::isnan(difference) ? HUGE_VAL : worst;
    unit = std::max(unit, magnitude[i]);
  }
  return unit > 0 ? worst / unit : worst;
}

// Sums of products by plain loops, and of the products' absolute values.
struct Sums {
  std::vector<double> y, x, w, ym, xm, wm;
  Sums(const ConvGeometry& g, const Data<float>& d)
      : y(d.u.size()), x(d.x.size()), w(d.w.size()), ym(y), xm(x), wm(w) {
    for_each_row(g, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi, std::int64_t count) {
      const float *const xs = d.x.data() + xi, *const us = d.u.data() + yi;
      double *const ys = y.data() + yi, *const yms = ym.data() + yi;
      double *const to = x.data() + xi, *const tom = xm.data() + xi;
      const double weight = d.w[static_cast<std::size_t>(wi)];
      double sum = 0, magnitude = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const double value = xs[i * g.stride_width], upper = us[i];
        ys[i] += value * weight, yms[i] += std::abs(value * weight);
        to[i * g.stride_width] += upper * weight,
            tom[i * g.stride_width] += std::abs(upper * weight);
        sum += upper * value, magnitude += std::abs(upper * value);
      }
      w[static_cast<std::size_t>(wi)] += sum, wm[static_cast<std::size_t>(wi)] += magnitude;
    });
  }

  template <class T>
  void check(const Results<T>& found, double tolerance) const {
    CHECK(error(found.y, y, ym) <= tolerance);
    CHECK(error(found.x, x, xm) <= tolerance);
    CHECK(error(found.w, w, wm) <= tolerance);
  }
};

template <class T>
void add_bias(std::vector<double>& to, std::vector<double>& magnitude, const std::vector<T>& bias,
              std::int64_t plane) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    const double value = bias[i / static_cast<std::size_t>(plane) % bias.size()];
    to[i] += value, magnitude[i] += std::abs(value);
  }
}

struct Tolerances {
  double of_float = 2e-6;
  double of_double = 1e-15;
};

// Both types on the same numbers, the one with and the other without bias.
void check_against_loops(const ConvGeometry& g, bool float_has_bias, std::mt19937_64& random,
                         const Tolerances& tolerances = {}) {
  CAPTURE(describe(g));
  const Data<float> d(g, random);
  const Data<double> e(d);
  Sums sums(g, d);
  const auto check_one_with_bias = [&](bool bias) {
    if (float_has_bias == bias) {
      sums.check(run(g, d, bias), tolerances.of_float);
    } else {
      sums.check(run(g, e, bias), tolerances.of_double);
    }
  };
  check_one_with_bias(false);
  add_bias(sums.y, sums.ym, d.out_bias, g.out_height * g.out_width);
  add_bias(sums.x, sums.xm, d.in_bias, g.in_height * g.in_width);
  check_one_with_bias(true);
}

template <class T>
double dot(const std::vector<T>& a, const std::vector<T>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

std::int64_t below(std::mt19937_64& random, std::int64_t limit) {
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
}

ConvGeometry random_geometry(std::mt19937_64& random) {
  for (;;) {
    ConvGeometry g{};
    g.batch = 1 + below(random, 5);
    g.groups = 1 + below(random, 3);
    g.in_channels = g.groups * (1 + below(random, 4));
    g.out_channels = g.groups * (1 + below(random, 4));
    g.in_height = 1 + below(random, 11);
    g.in_width = 1 + below(random, 40);
    g.kernel_height = 1 + below(random, 5);
    g.kernel_width = 1 + below(random, 5);
    g.stride_height = 1 + below(random, 3);
    g.stride_width = 1 + below(random, 3);
    g.dilation_height = 1 + below(random, 3);
    g.dilation_width = 1 + below(random, 3);
    g.pad_top = below(random, 6);
    g.pad_left = below(random, 6);
    g.pad_bottom = below(random, 6);
    g.pad_right = below(random, 6);
    set_output(g);
    if (g.out_height > 0 && g.out_width > 0) return g;
  }
}

// The layers of the networks that the benchmark trains, and others that take every branch.
std::vector<ConvGeometry> chosen_geometries() {
  std::vector<ConvGeometry> all = {
      geometry(9, 1, 28, 64, 4, 2, 1),  geometry(9, 64, 14, 128, 4, 2, 1),
      geometry(3, 64, 28, 64, 3, 1, 1), geometry(5, 128, 14, 128, 3, 1, 1),
      geometry(3, 1, 28, 32, 3, 1, 1),  geometry(5, 32, 14, 64, 3, 1, 1),
      geometry(2, 3, 9, 5, 1, 1, 0),    geometry(2, 3, 9, 5, 1, 2, 0),
      geometry(2, 3, 65, 5, 3, 1, 1),   geometry(1, 2, 3, 2, 7, 1, 3),
      geometry(7, 300, 3, 4, 3, 1, 0),  geometry(40, 20, 1, 30, 1, 1, 0),
      geometry(2, 16, 17, 16, 3, 1, 0), geometry(2, 17, 13, 18, 3, 1, 2),
      geometry(3, 20, 15, 17, 4, 2, 2), geometry(3, 16, 10, 16, 2, 1, 0),
      geometry(1, 33, 8, 16, 2, 2, 0),  geometry(2, 4, 31, 4, 5, 3, 4),
      geometry(2, 16, 20, 17, 6, 3, 2), geometry(1, 40, 90, 20, 3, 1, 1),
      geometry(2, 16, 60, 24, 4, 2, 1), geometry(2, 9, 17, 5, 1, 1, 0),
      geometry(2, 3, 130, 2, 3, 1, 1),  geometry(2, 20, 17, 18, 3, 2, 1),
      geometry(2, 18, 14, 33, 5, 2, 2), geometry(3, 16, 21, 16, 6, 2, 0),
      geometry(1, 70, 6, 90, 3, 1, 1),  geometry(64, 32, 14, 64, 3, 1, 1),
      geometry(3, 17, 14, 20, 5, 1, 2), geometry(5, 18, 13, 16, 7, 1, 3),
      geometry(2, 16, 11, 17, 4, 1, 1), geometry(4, 16, 20, 16, 9, 1, 2),
      geometry(4, 16, 20, 18, 8, 2, 3), geometry(3, 17, 23, 16, 9, 2, 4),
      geometry(3, 16, 9, 16, 5, 1, 6),  geometry(4, 16, 15, 16, 6, 1, 0)};
  ConvGeometry depthwise = geometry(3, 24, 12, 24, 3, 1, 1);
  depthwise.groups = 24;
  all.push_back(depthwise);
  ConvGeometry doubled = geometry(2, 5, 13, 10, 4, 3, 2);  // two results for each channel
  doubled.groups = 5, doubled.dilation_width = 2;
  set_output(doubled);
  all.push_back(doubled);
  ConvGeometry grouped = geometry(3, 64, 12, 96, 3, 1, 1);
  grouped.groups = 2;
  all.push_back(grouped);
  ConvGeometry strided = geometry(3, 48, 11, 54, 5, 2, 1);
  strided.groups = 3;
  all.push_back(strided);
  ConvGeometry wider = geometry(2, 24, 7, 16, 4, 2, 1);  // a transposed convolution's extra row
  wider.in_height += 1, wider.in_width += 1;
  all.push_back(wider);
  ConvGeometry uneven = geometry(2, 20, 13, 24, 3, 1, 0);
  uneven.pad_top = 2, uneven.pad_left = 0, uneven.pad_bottom = 0, uneven.pad_right = 3;
  set_output(uneven);
  all.push_back(uneven);
  return all;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("convolution kernels agree with plain loops on random geometries") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    const ConvGeometry g = random_geometry(random);
    check_against_loops(g, i % 2 == 0, random);
  }
}

TEST_CASE("convolution kernels agree with plain loops on chosen geometries") {
  std::mt19937_64 random(2);
  for (const ConvGeometry& g : chosen_geometries()) {
    check_against_loops(g, true, random);
  }
}

// Winograd's filtering, which rounds most, beside the plain products in double.
TEST_CASE("float results differ from double ones by far less than 1e-4 of their size") {
  std::mt19937_64 random(7);
  for (const ConvGeometry& g :
       {geometry(4, 64, 28, 64, 3, 1, 1), geometry(8, 128, 14, 128, 3, 1, 1),
        geometry(8, 64, 14, 128, 4, 2, 1), geometry(8, 64, 28, 64, 5, 2, 2)}) {
    CAPTURE(describe(g));
    const Data<float> d(g, random);
    const Data<double> e(d);
    const Results<float> found = run(g, d, false);
    const Results<double> exact = run(g, e, false);
    const auto relative_error = [](const std::vector<float>& a, const std::vector<double>& b) {
      double worst = 0;
      for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
      return worst / std::sqrt(dot(b, b) / static_cast<double>(b.size()));
    };
    CHECK(relative_error(found.y, exact.y) <= 3e-5);
    CHECK(relative_error(found.x, exact.x) <= 3e-5);
    CHECK(relative_error(found.w, exact.w) <= 3e-5);
  }
}

TEST_CASE("a window that reaches outside on every side sees zeros") {
  ConvGeometry g = geometry(2, 2, 4, 3, 3, 1, 0);
  g.pad_top = g.pad_left = 9;
  g.out_height = g.out_width = 20;  // further than the padding below and to the right
  std::mt19937_64 random(3);
  check_against_loops(g, true, random);
  check_against_loops(g, false, random);
}

TEST_CASE("the three kernels are adjoint to each other") {
  std::mt19937_64 random(4);
  const auto check = [&](const ConvGeometry& g) {
    CAPTURE(describe(g));
    const Data<double> d(g, random);
    const Results<double> r = run(g, d, false);
    const double by_output = dot(d.u, r.y), by_input = dot(d.x, r.x), by_weight = dot(d.w, r.w);
    const double unit = std::sqrt(dot(r.y, r.y) * dot(d.u, d.u)) + 1e-30;
    CHECK(std::abs(by_output - by_input) <= 1e-13 * unit);
    CHECK(std::abs(by_output - by_weight) <= 1e-13 * unit);
  };
  for (int i = 0; i < 100; ++i) check(random_geometry(random));
  for (const ConvGeometry& g : chosen_geometries()) check(g);
}

TEST_CASE("the bits of a convolution do not depend on the number of threads") {
  std::mt19937_64 random(5);
  const int before = mnemo::threads();
  for (const ConvGeometry& g : chosen_geometries()) {
    CAPTURE(describe(g));
    const Data<float> d(g, random);
    const Data<double> e(g, random);
    mnemo::set_threads(1);
    const Results<float> one = run(g, d, true);
    const Results<double> one_double = run(g, e, true);
    for (const int threads : {2, 3}) {
      mnemo::set_threads(threads);
      const Results<float> more = run(g, d, true);
      const Results<double> more_double = run(g, e, true);
      CHECK(same_bits(one.y, more.y));
      CHECK(same_bits(one.x, more.x));
      CHECK(same_bits(one.w, more.w));
      CHECK(same_bits(one_double.y, more_double.y));
      CHECK(same_bits(one_double.x, more_double.x));
      CHECK(same_bits(one_double.w, more_double.w));
    }
  }
  mnemo::set_threads(before);
}

TEST_CASE("empty convolutions give the bias, or zero") {
  std::mt19937_64 random(6);
  ConvGeometry no_input = geometry(2, 0, 5, 3, 3, 1, 1);
  ConvGeometry no_output = geometry(2, 3, 5, 0, 3, 1, 1);
  ConvGeometry no_samples = geometry(0, 3, 5, 2, 3, 1, 1);
  ConvGeometry no_pixels = geometry(2, 3, 5, 2, 3, 1, 1);
  no_pixels.out_height = 0;
  for (const ConvGeometry& g : {no_input, no_output, no_samples, no_pixels}) {
    for (const bool float_has_bias : {true, false}) {
      check_against_loops(g, float_has_bias, random, {.of_float = 0, .of_double = 0});
    }
  }
}
