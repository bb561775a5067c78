#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo {

/// Random numbers from a counter: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). What is drawn depends on seed, stream and position alone, so the same state
/// gives the same numbers on any number of threads. The whole state is one tensor, read at each draw:
/// saving, restoring or editing it is saving, restoring or editing the generator.
///
/// Copies share the state, as handles to the same tensor do.
class Rng {
 public:
  /// Generators of one seed and different streams are independent.
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

  /// The generator whose state is `state`, shared: uint64 [3], as variables() names it. Throws Error
  /// for another shape or dtype.
  explicit Rng(Tensor state);

  /// A generator of the same seed whose stream is derived from this one's and `name`; this one's
  /// position does not move. The same name gives the same generator.
  Rng split(std::string_view name) const;

  /// Uniform in [low, high). Throws Error unless low <= high and both are finite.
  Tensor uniform(const Shape& shape, double low = 0.0, double high = 1.0,
                 DType dtype = DType::float32);
  /// Normal, by Box and Muller's transform. Throws Error for a negative deviation.
  Tensor normal(const Shape& shape, double mean = 0.0, double deviation = 1.0,
                DType dtype = DType::float32);
  /// int64 integers, uniform in [low, high). Throws Error unless low < high.
  Tensor integers(const Shape& shape, std::int64_t low, std::int64_t high);
  /// The integers 0 to count - 1 in random order, int64 (Fisher and Yates's shuffle).
  Tensor permutation(std::int64_t count);

  ///@{
  /// What the generator was made with, as the state has it now.
  std::uint64_t seed() const;
  std::uint64_t stream() const;
  ///@}
  /// How many blocks of four 32-bit words have been drawn.
  std::uint64_t position() const;

  /// `state`: uint64 [3], holding seed, stream and position.
  Variables variables() const;

 private:
  Tensor state_;
};

}  // namespace mnemo
