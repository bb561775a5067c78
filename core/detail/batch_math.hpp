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

/// x * y + z, rounded once; xsimd's own rounds twice on AVX-512.
template <class A>
xsimd::batch<float, A> fused(const xsimd::batch<float, A>& x, const xsimd::batch<float, A>& y,
                             const xsimd::batch<float, A>& z) {
#ifdef __AVX512F__
  if constexpr (xsimd::batch<float, A>::size == 16) return _mm512_fmadd_ps(x, y, z);
#endif
  return xsimd::fma(x, y, z);
}

// One division and no branches, where xsimd computes two ways: with e = exp(2|x|) - 1,
// tanh(|x|) = e / (e + 2) keeps its digits near 0, too. e = 2^n (1 + p(r)) - 1, where 2|x| is
// n ln 2 + r and p a minimax polynomial for exp(r) - 1. At most 2.5 units off in the last place.
template <class A>
xsimd::batch<float, A> tanh(const xsimd::batch<float, A>& x) {
  using Batch = xsimd::batch<float, A>;
  const Batch size = xsimd::abs(x), most(10.0f);                      // where the result is 1
  const Batch twice = 2.0f * xsimd::select(size > most, most, size);  // NaN stays
  // The sum's last bits are n: added to a number whose last bit counts 1, it is rounded.
  const Batch whole(0x1.8p23f);
  const Batch sum = fused(twice, Batch(1.44269504f), whole);
  const Batch r = fused(sum - whole, Batch(-0.693147181f), twice);
  const Batch power = xsimd::bitwise_cast<Batch>(
      (xsimd::bitwise_cast<xsimd::batch<std::int32_t, A>>(sum) << 23) + (127 << 23));
  Batch p = fused(r, Batch(0x1.a032c4p-13f), Batch(0x1.6d723ep-10f));
  p = fused(r, p, Batch(0x1.11118ap-7f));
  p = fused(r, p, Batch(0x1.5554b0p-5f));
  p = fused(r, p, Batch(0x1.555554p-3f));
  p = fused(r, p, Batch(0.5f));
  p = fused(r * r, p, r);
  const Batch e = fused(power, p, power - 1.0f);
  return xsimd::copysign(e / (e + 2.0f), x);
}

template <class T, class A>
xsimd::batch<T, A> sigmoid(const xsimd::batch<T, A>& x) {
  const xsimd::batch<T, A> decay = exp(-xsimd::abs(x));  // of the side that does not overflow
  return where(x < xsimd::batch<T, A>(T(0)), decay, xsimd::batch<T, A>(T(1))) / (1.0 + decay);
}

}  // namespace mnemo::detail
