#pragma once
#include <cstdint>

namespace mnemo::detail {

/// The transforms of Winograd's minimal filtering F(4, R) along one axis: four results of a filter
/// of R taps from R + 3 values with R + 3 multiplications instead of 4 R (Winograd 1980; Lavin and
/// Gray, arXiv:1509.09308). With polynomials in mind: values and filter are evaluated at the points
/// +-a, +-b, infinity, and 0 for three taps, multiplied there, and the product's coefficients
/// recovered. In two dimensions each transform runs along columns, then rows.
///
/// The points decide about the rounding. These were chosen by trying. Measured in float32 on random
/// numbers, in units of the results' root mean square: largest error 8e-6 for 3x3 to 7x7 with 64
/// and 128 channels, root mean square 4e-7 to 9e-7; plain sums have 3e-6 and 2e-7 to 4e-7. The
/// constants are exact.
///
/// V is float or a vector of floats.
template <int R>
struct Winograd {
  static_assert(R == 2 || R == 3);
  static constexpr int results = 4;
  static constexpr int points = R + 3;
  static constexpr int infinity = 4;  // that point's number: only the last result depends on it
  static constexpr float a = R == 3 ? 0.625f : 0.5f, b = 1.5f;
  static constexpr float a2 = a * a, b2 = b * b;

  /// Values at the points: z = B^T d.
  template <class V>
  static void values(const V (&d)[points], V (&z)[points]) {
    constexpr int o = R - 2;  // with the point 0 every other polynomial has a factor x
    const V odd_b = d[o + 3] - b2 * d[o + 1], even_b = a * (d[o + 2] - b2 * d[o]);
    const V odd_a = d[o + 3] - a2 * d[o + 1], even_a = b * (d[o + 2] - a2 * d[o]);
    z[0] = odd_b + even_b;
    z[1] = odd_b - even_b;
    z[2] = odd_a + even_a;
    z[3] = odd_a - even_a;
    z[4] = d[o + 4] - (a2 + b2) * d[o + 2] + (a2 * b2) * d[o];
    if constexpr (R == 3) z[5] = d[4] - (a2 + b2) * d[2] + (a2 * b2) * d[0];
  }

  /// Results from the products at the points: y = A^T z.
  template <class V>
  static void to_results(const V (&z)[points], V (&y)[results]) {
    const V sum_a = z[0] + z[1], difference_a = z[0] - z[1];
    const V sum_b = z[2] + z[3], difference_b = z[2] - z[3];
    y[0] = sum_a + sum_b;
    if constexpr (R == 3) y[0] += z[5];
    y[1] = a * difference_a + b * difference_b;
    y[2] = a2 * sum_a + b2 * sum_b;
    y[3] = (a2 * a) * difference_a + (b2 * b) * difference_b + z[4];
  }

  /// The adjoint of to_results: z = A y.
  template <class V>
  static void from_results(const V (&y)[results], V (&z)[points]) {
    const V even_a = y[0] + a2 * y[2], odd_a = a * y[1] + (a2 * a) * y[3];
    const V even_b = y[0] + b2 * y[2], odd_b = b * y[1] + (b2 * b) * y[3];
    z[0] = even_a + odd_a;
    z[1] = even_a - odd_a;
    z[2] = even_b + odd_b;
    z[3] = even_b - odd_b;
    z[4] = y[3];
    if constexpr (R == 3) z[5] = y[0];
  }

  // The filter at the points, each divided by the product of its distances to the other points.
  static constexpr float over_a = R == 3 ? 1 / (2 * a2 * (a2 - b2)) : 1 / (2 * a * (a2 - b2));
  static constexpr float over_b = R == 3 ? 1 / (2 * b2 * (b2 - a2)) : 1 / (2 * b * (b2 - a2));
  static constexpr float sign = R == 3 ? 1.0f : -1.0f;  // of the distances of -a beside those of +a

  /// The filter at the points: z = G w.
  template <class V>
  static void filter(const V (&w)[R], V (&z)[points]) {
    V even_a = w[0], even_b = w[0];
    if constexpr (R == 3) even_a += a2 * w[2], even_b += b2 * w[2];
    const V odd_a = a * w[1], odd_b = b * w[1];
    z[0] = over_a * (even_a + odd_a);
    z[1] = sign * over_a * (even_a - odd_a);
    z[2] = over_b * (even_b + odd_b);
    z[3] = sign * over_b * (even_b - odd_b);
    z[4] = w[R - 1];
    if constexpr (R == 3) z[5] = (1 / (a2 * b2)) * w[0];
  }

  /// The adjoint of filter: w = G^T z.
  template <class V>
  static void to_filter(const V (&z)[points], V (&w)[R]) {
    const V plus_a = over_a * z[0], minus_a = sign * over_a * z[1];
    const V plus_b = over_b * z[2], minus_b = sign * over_b * z[3];
    w[0] = (plus_a + minus_a) + (plus_b + minus_b);
    w[1] = a * (plus_a - minus_a) + b * (plus_b - minus_b);
    if constexpr (R == 3) {
      w[0] += (1 / (a2 * b2)) * z[5];
      w[2] = a2 * (plus_a + minus_a) + b2 * (plus_b + minus_b);
    }
    w[R - 1] += z[4];
  }
};

}  // namespace mnemo::detail
