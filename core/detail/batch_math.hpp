#pragma once
#include <cmath>
#include <limits>
#include <xsimd/xsimd.hpp>

/// Functions of SIMD batches, under the names that the functions of tensors have, so that one
/// lambda serves both. Where xsimd 8.1 is wrong (found by comparing with long double), these
/// templates, being constrained, are preferred to its own.
namespace mnemo::detail {

template <class T>
concept Real = std::is_floating_point_v<T>;

/// The lanes of `x` through a function of one number: slow, for lanes out of the ordinary.
template <Real T, class A, class F>
xsimd::batch<T, A> each_lane(const xsimd::batch<T, A>& x, const F& function) {
  T lanes[xsimd::batch<T, A>::size];
  x.store_unaligned(lanes);
  for (T& lane : lanes) lane = function(lane);
  return xsimd::batch<T, A>::load_unaligned(lanes);
}

template <class T, class A>
xsimd::batch<T, A> where(const xsimd::batch_bool<T, A>& condition, const xsimd::batch<T, A>& yes,
                         const xsimd::batch<T, A>& no) {
  return xsimd::select(condition, yes, no);
}
template <class T, class A>
xsimd::batch<T, A> where(const xsimd::batch_bool<T, A>& condition, const xsimd::batch<T, A>& yes,
                         double no) {
  return xsimd::select(condition, yes, xsimd::batch<T, A>(static_cast<T>(no)));
}
template <class T, class A>
xsimd::batch<T, A> where(const xsimd::batch_bool<T, A>& condition, double yes,
                         const xsimd::batch<T, A>& no) {
  return xsimd::select(condition, xsimd::batch<T, A>(static_cast<T>(yes)), no);
}
template <class T, class A>
xsimd::batch<T, A> maximum(const xsimd::batch<T, A>& a, const xsimd::batch<T, A>& b) {
  // NaN of either side goes through. Not a != a: xsimd 8.1 holds NaN for equal to itself on AVX.
  return where((a > b) || xsimd::isnan(a), a, b);
}
template <class T, class A>
xsimd::batch<T, A> maximum(const xsimd::batch<T, A>& a, double b) {
  return maximum(a, xsimd::batch<T, A>(static_cast<T>(b)));
}
template <class T, class A>
xsimd::batch<T, A> minimum(const xsimd::batch<T, A>& a, const xsimd::batch<T, A>& b) {
  return where((a < b) || xsimd::isnan(a), a, b);
}
template <class T, class A>
xsimd::batch<T, A> minimum(const xsimd::batch<T, A>& a, double b) {
  return minimum(a, xsimd::batch<T, A>(static_cast<T>(b)));
}
template <class T, class A>
xsimd::batch<T, A> square(const xsimd::batch<T, A>& a) {
  return a * a;
}

// xsimd cuts results off below the normal numbers and, for the last 0.3, near the largest ones.
template <class T, class A>
requires Real<T> xsimd::batch<T, A> exp(const xsimd::batch<T, A>& x) {
  constexpr T limit = sizeof(T) == 4 ? T(87) : T(708);
  const xsimd::batch<T, A> usual = xsimd::exp(x);
  const auto far = xsimd::abs(x) > limit;
  if (!xsimd::any(far)) return usual;
  const xsimd::batch<T, A> root = xsimd::exp(x * T(0.5));
  return xsimd::select(far, root * root, usual);
}

template <class T, class A>
requires Real<T> xsimd::batch<T, A> expm1(const xsimd::batch<T, A>& x) {
  const xsimd::batch<T, A> usual = xsimd::expm1(x);
  const auto far = x > xsimd::batch<T, A>(sizeof(T) == 4 ? T(80) : T(700));
  return xsimd::any(far) ? xsimd::select(far, exp(x), usual) : usual;  // 1 is below the last digit
}

// xsimd takes subnormal doubles for others.
template <class T, class A>
requires Real<T> xsimd::batch<T, A> log(const xsimd::batch<T, A>& x) {
  const auto tiny = xsimd::abs(x) < xsimd::batch<T, A>(std::numeric_limits<T>::min());
  const xsimd::batch<T, A> usual = xsimd::log(x);
  if (!xsimd::any(tiny)) return usual;
  return xsimd::select(tiny, each_lane(x, [](T lane) { return std::log(lane); }), usual);
}

// xsimd gives NaN for large doubles, where erf is 1 to the last digit, and loses digits elsewhere.
template <class T, class A>
requires Real<T> xsimd::batch<T, A> erf(const xsimd::batch<T, A>& x) {
  if constexpr (sizeof(T) == 4) return xsimd::erf(x);
  return each_lane(x, [](T lane) { return std::erf(lane); });
}

// xsimd's own is e^(y log x) and wrong in the last hundred units for large results.
template <class T, class A>
requires Real<T> xsimd::batch<T, A> pow(const xsimd::batch<T, A>& x, const xsimd::batch<T, A>& y) {
  T bases[xsimd::batch<T, A>::size];
  T exponents[xsimd::batch<T, A>::size];
  x.store_unaligned(bases);
  y.store_unaligned(exponents);
  for (std::size_t i = 0; i < xsimd::batch<T, A>::size; ++i) {
    bases[i] = std::pow(bases[i], exponents[i]);
  }
  return xsimd::batch<T, A>::load_unaligned(bases);
}
template <class T, class A>
xsimd::batch<T, A> pow(const xsimd::batch<T, A>& x, double y) {
  return pow(x, xsimd::batch<T, A>(static_cast<T>(y)));
}
template <class T, class A>
xsimd::batch<T, A> pow(double x, const xsimd::batch<T, A>& y) {
  return pow(xsimd::batch<T, A>(static_cast<T>(x)), y);
}

// xsimd's sign of NaN is 1.
template <class T, class A>
requires Real<T> xsimd::batch<T, A> sign(const xsimd::batch<T, A>& x) {
  return xsimd::select(xsimd::isnan(x), x, xsimd::sign(x));
}

template <class T, class A>
xsimd::batch<T, A> sigmoid(const xsimd::batch<T, A>& x) {
  const xsimd::batch<T, A> decay = exp(-xsimd::abs(x));  // of the side that does not overflow
  return where(x < xsimd::batch<T, A>(T(0)), decay, xsimd::batch<T, A>(T(1))) / (1.0 + decay);
}

}  // namespace mnemo::detail
